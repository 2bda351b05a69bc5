import { describe, expect, it } from 'vitest'
import { makeDictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import { loadProjectNow } from './load-now.ts'

/** Values whose kind is looked at when the model is made of the tree; what is expected was observed from docker-compose 2.40.3. */
function load(text: string): { readonly project: Project; readonly warnings: readonly string[] } {
  const warnings: string[] = []
  const project = loadProjectNow(
    {
      files: [{ path: '/p/c.yml', text }],
      workingDir: '/p',
      environment: makeDictionary([['WORD', 'on']]),
      fallbackName: 'p',
    },
    {
      files: { readText: () => '', kindOf: () => 'file', resolveLinks: (path) => path },
      warn: (message) => void warnings.push(message),
    },
  )
  return { project, warnings }
}

describe('an old word for a boolean', () => {
  it.each([
    ['build: {context: ., privileged: "Yes"}', '"Yes"', true],
    ['attach: "off"', '"off"', false],
    ['attach: "${WORD}"', '"on"', true],
    ['depends_on: {db: {condition: service_started, restart: "y"}}', '"y"', true],
    ['post_start: [{command: a, privileged: "n"}]', '"n"', false],
    ['volumes: [{type: bind, source: /a, target: /b, bind: {create_host_path: "NO"}}]', '"NO"', false],
    ['env_file: [{path: e.env, required: "no"}]', '"no"', false],
    ['tty: "yes"', '"yes"', true],
  ])('is warned of wherever it stands: %s', (field, word, means) => {
    const { warnings } = load(`services: {db: {image: y}, web: {image: x, ${field}}}`)
    expect(warnings).toEqual([`${word} for boolean is not supported by YAML 1.2, please use \`${String(means)}\``])
  })

  it('is told from the words of YAML 1.2 and from other texts', () => {
    expect(load('services: {web: {image: x, attach: "FALSE"}}').warnings).toEqual([])
    expect(() => load('services: {web: {image: x, attach: "oui"}}')).toThrow(
      "'services[web].attach' invalid boolean: oui",
    )
  })
})

it.each(['1.5', 'true'])('options of the driver of a secret are texts or whole numbers: not %s', (value) => {
  const text = (held: string): string =>
    `services: {web: {image: x}}\nsecrets: {s: {file: f, driver: d, driver_opts: {a: ${held}}}}`
  expect(load(text('7')).project.secrets['s']?.driver_opts).toEqual({ a: '7' })
  expect(() => load(text(value))).toThrow(/secrets/)
})

it('an empty text is none: fields of variables that are not set are as if they were not there', () => {
  const fields = ['image', 'platform', 'restart', 'mac_address', 'user', 'ipc', 'cpuset']
  const written = fields.map((field) => `${field}: "\${NONE:-}"`).join(', ')
  const { project } = load(
    `services: {web: {${written}, build: {context: ., target: "", network: ""}, ports: [{target: 80, app_protocol: ""}]}}`,
  )
  const web = project.services['web']
  expect(Object.keys(web ?? {}).sort()).toEqual(['build', 'name', 'networks', 'ports'])
  expect(Object.keys(web?.build ?? {}).sort()).toEqual(['context', 'dockerfile'])
  expect(web?.ports).toEqual([{ target: 80, protocol: 'tcp', mode: 'ingress' }])
})

it.each([
  ['scale: 3, deploy: {}', 3],
  ['scale: 3, deploy: {replicas: 3}', 3],
  ['deploy: {replicas: 2}', 2],
  ['scale: 3', undefined],
])('scale is the number of replicas of a deploy that names none: %s', (fields, replicas) => {
  const { project } = load(`services: {web: {image: x, ${fields}}}`)
  expect(project.services['web']?.deploy?.replicas).toBe(replicas)
})
