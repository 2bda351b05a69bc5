import { describe, expect, it } from 'vitest'
import { makeDictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import { loadProject } from './load.ts'
import {
  applyDefaultPlatform,
  applyProfiles,
  dependencyOrder,
  dropUnused,
  enableServices,
  requireDependencies,
  selectServices,
} from './select.ts'

function load(text: string, environment: Readonly<Record<string, string>> = {}): Project {
  return loadProject(
    {
      files: [{ path: '/p/c.yml', text }],
      workingDir: '/p',
      environment: makeDictionary(Object.entries(environment)),
      projectName: 'p',
    },
    { files: { readText: () => undefined, kindOf: () => 'missing', resolveLinks: (path) => path } },
  )
}

const text = `services:
  web: {image: x, depends_on: [api], networks: [front], volumes: ["data:/d"]}
  api: {image: x, depends_on: [db]}
  db: {image: x}
  tool: {image: x, profiles: [t], configs: [c]}
networks: {front: , back: }
volumes: {data: , rest: }
configs: {c: {content: x}}`

describe('naming services', () => {
  it('keeps them and what they depend on; the others are set aside, not lost', () => {
    const project = selectServices(load(text), ['api'])
    expect([Object.keys(project.services), Object.keys(project.disabledServices)]).toEqual([
      ['api', 'db'],
      ['tool', 'web'],
    ])
  })

  it('without dependencies drops them from what is waited for', () => {
    const project = selectServices(load(text), ['web', 'db'], 'ignore')
    expect(Object.keys(project.services)).toEqual(['web', 'db'])
    expect(project.services['web']?.depends_on).toBeUndefined()
  })

  it('with dependents keeps what needs them', () => {
    expect(Object.keys(selectServices(load(text), ['db'], 'dependents').services)).toEqual(['web', 'api', 'db'])
  })

  it('reads the env files and label files of those whose profiles that switches on', () => {
    const off = `services:
  web: {image: x}
  tool: {image: x, profiles: [t], env_file: [e.env], label_file: [l.env]}`
    const texts: Readonly<Record<string, string>> = { '/p/e.env': 'A=1', '/p/l.env': 'l=2' }
    const loadWith = (named: readonly string[]): Project =>
      loadProject(
        {
          files: [{ path: '/p/c.yml', text: off }],
          workingDir: '/p',
          environment: makeDictionary(),
          projectName: 'p',
        },
        { named, files: { readText: (path) => texts[path], kindOf: () => 'file', resolveLinks: (path) => path } },
      )
    expect(loadWith(['tool', 'nosuch']).services['tool']).toMatchObject({ environment: { A: '1' }, labels: { l: '2' } })
    expect(Object.keys(loadWith(['web']).services)).toEqual(['web'])
  })

  it('switches their profiles on', () => {
    expect(Object.keys(selectServices(load(text), ['tool']).services)).toEqual(['tool'])
    const twice = applyProfiles(load(text), ['q', 'q'])
    expect(Object.keys(selectServices(twice, ['tool']).services)).toEqual(['tool'])
  })

  it('drops what was to be waited for if it could be there, and is not', () => {
    const optional = load(`services:
  a: {image: x, profiles: [p], depends_on: {b: {condition: service_started, required: false}, c: {condition: service_started}}}
  b: {image: x, profiles: [q]}
  c: {image: x}`)
    expect(Object.keys(selectServices(optional, ['a']).services['a']?.depends_on ?? {})).toEqual(['c'])
  })

  it('whose dependencies are switched off is an error, as in 2.40', () => {
    const project = load(`services:
  a: {image: x, profiles: [p], depends_on: [b]}
  b: {image: x, profiles: [p], depends_on: [c]}
  c: {image: x, profiles: [q]}`)
    const error = expect.objectContaining({
      message: 'no such service: c',
      hint: 'service "b" depends on it, and its profiles are not switched on',
    })
    expect(() => selectServices(project, ['a'])).toThrow(error)
    expect(() => requireDependencies(enableServices(project, ['a']), ['a'])).toThrow(error)
    expect(() => selectServices(applyProfiles(project, ['q']), ['a'])).not.toThrow()
  })

  it('that do not exist is an error with the nearest name', () => {
    expect(() => selectServices(load(text), ['tol'])).toThrow(
      expect.objectContaining({ message: 'no such service: tol', hint: 'did you mean "tool"?' }),
    )
  })
})

describe('a project', () => {
  it('cut to what is used has no other networks, volumes and configs', () => {
    const project = dropUnused(load(text))
    const kinds = [project.networks, project.volumes, project.configs].map((kind) => Object.keys(kind))
    expect(kinds).toEqual([['front', 'default'], ['data'], []])
  })

  it('cut to what is used keeps what only a build or a credential_spec names', () => {
    const named = `services: {a: {build: {context: ., secrets: [s]}, credential_spec: {config: c}}}
secrets: {s: {file: ./s}, unused: {file: ./s}}
configs: {c: {content: x}, unused: {content: x}}`
    const { secrets, configs } = dropUnused(load(named))
    expect([secrets, configs].map((kind) => Object.keys(kind))).toEqual([['s'], ['c']])
  })

  it('is listed with dependencies first', () => {
    expect(dependencyOrder(load(text))).toEqual(['db', 'api', 'web'])
  })

  it('is built for the default platform, where it can be', () => {
    const built = 'services: {a: {build: .}, b: {image: x}, c: {build: ., platform: linux/arm64}}'
    const project = applyDefaultPlatform(load(built, { DOCKER_DEFAULT_PLATFORM: 'linux/amd64' }))
    expect(Object.values(project.services).map((service) => service.platform)).toEqual([
      'linux/amd64',
      undefined,
      'linux/arm64',
    ])
    const other = load('services: {a: {build: {platforms: [linux/arm64]}}}', { DOCKER_DEFAULT_PLATFORM: 'linux/amd64' })
    expect(() => applyDefaultPlatform(other)).toThrow(
      'service "a" build.platforms does not support value set by DOCKER_DEFAULT_PLATFORM: linux/amd64',
    )
  })
})
