import { describe, expect, it } from 'vitest'
import { makeDictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import { loadProject } from './load.ts'

/** Files of a tree that was fetched name nothing outside of it, whatever field they do it with. */

const tree = '/cache/tree'

/** A folder that is a link out of the tree. */
const link = `${tree}/link`

const files: Readonly<Record<string, string>> = {
  '/etc/passwd': 'A=1',
  '/cache/other/f': 'services: { a: { image: x } }',
  '/own/f': 'B=2',
  [`${link}/f`]: 'services: { a: { image: x } }',
  [`${tree}/sub/f`]: 'A=1',
  [`${tree}/sub/c.yaml`]: 'services: { b: { image: x, env_file: f, build: . } }',
}

function load(text: string, local: Readonly<Record<string, string>> = {}): Project {
  return loadProject(
    {
      files: [...Object.entries(local).map(([path, text]) => ({ path, text })), { path: `${tree}/compose.yaml`, text }],
      workingDir: Object.keys(local).length === 0 ? tree : '/own',
      environment: makeDictionary([['HOME', '/home/u']]),
      projectName: 'p',
    },
    {
      files: {
        readText: (path) => files[path],
        kindOf: (path) => (files[path] === undefined ? 'missing' : 'file'),
        resolveLinks: (path) => path.replace(link, '/cache/other'),
        treeOf: (path) => (path.startsWith(tree) ? tree : undefined),
      },
    },
  )
}

const service = (field: string): string => `services: { a: { image: x, ${field} } }`

/** What stands at `PATH`. */
const fields: readonly (readonly [name: string, text: string])[] = [
  ['env_file', service('env_file: PATH')],
  ['env_file of the long form', service('env_file: [{ path: PATH, required: false }]')],
  ['label_file', service('label_file: PATH')],
  ['build', service('build: PATH')],
  ['build.context', service('build: { context: PATH }')],
  ['build.additional_contexts', service('build: { context: ., additional_contexts: { o: PATH } }')],
  ['an image in a folder', service('build: { context: ., additional_contexts: { o: "oci-layout://PATH:tag" } }')],
  ['build.cache_from', service('build: { context: ., cache_from: ["type=local,src=PATH"] }')],
  ['build.cache_to', service('build: { context: ., cache_to: ["type=local,dest=PATH"] }')],
  ['build.ssh', service('build: { context: ., ssh: { key: PATH } }')],
  ['security_opt', service('security_opt: ["seccomp=PATH"]')],
  ['security_opt with a colon', service('security_opt: ["seccomp:PATH"]')],
  ['develop.watch', service('develop: { watch: [{ action: rebuild, path: PATH }] }')],
  ['extends.file', 'services: { a: { extends: { file: PATH, service: a } } }'],
  ['configs.file', `${service('configs: [c]')}\nconfigs: { c: { file: PATH } }`],
  ['secrets.file', `${service('secrets: [c]')}\nsecrets: { c: { file: PATH } }`],
  ['include', 'include: [PATH]'],
  ['include.project_directory', 'include: [{ path: sub/c.yaml, project_directory: PATH }]'],
  ['include.env_file', 'include: [{ path: sub/c.yaml, env_file: PATH }]'],
]

describe.each(fields)('%s of a fetched file', (_, text) => {
  it.each(['../other/f', '/etc/passwd', '/cache/tree2/f', '~/f', 'sub/../../other/f', 'link/f'])(
    'refuses %s',
    (path) => {
      expect(() => load(text.replace('PATH', path))).toThrow(/lies outside of the tree it was fetched with/)
    },
  )
})

describe('build.context of a fetched file', () => {
  it.each(['/etc/://x', '../://other', 'service:/../../x', 'file:///../../../x'])('is no repository as %s', (path) => {
    const text = service(`build: { context: ${JSON.stringify(path)} }`)
    expect(() => load(text)).toThrow(/lies outside of the tree/)
  })

  it('is no repository in additional_contexts either', () => {
    const text = service('build: { context: ., additional_contexts: { o: "/etc/://x" } }')
    expect(() => load(text)).toThrow(/lies outside of the tree/)
  })
})

describe('a fetched file that is read after a local one', () => {
  const local = { '/own/compose.yaml': 'services: { l: { image: x, env_file: /etc/passwd, build: /srv } }' }

  it.each(fields)('refuses what is outside of both in %s', (_, text) => {
    for (const path of ['/etc/passwd', '../cache/other/f', 'link/../../etc/passwd', `${link}/f`]) {
      expect(() => load(text.replace('PATH', path), local)).toThrow(/lies outside of the tree it was fetched with/)
    }
  })

  it('refuses a Dockerfile elsewhere, also where the rest of the build is local', () => {
    const own = { '/own/compose.yaml': 'services: { a: { image: x, build: { context: /srv } } }' }
    expect(() => load('services: { a: { build: { dockerfile: /etc/d } } }', own)).toThrow(/lies outside of the tree/)
  })

  it('takes what is in the folder of the project, and the local file names what it likes', () => {
    const { services } = load(service('env_file: [f, /cache/tree/sub/f]'), local)
    expect(services['a']?.environment).toEqual({ A: '1', B: '2' })
    expect(services['l']).toMatchObject({ environment: { A: '1' }, build: { context: '/srv' } })
  })
})

describe('build.dockerfile of a fetched file', () => {
  const build = (context: string, dockerfile: string): Project =>
    load(service(`build: { context: ${JSON.stringify(context)}, dockerfile: ${JSON.stringify(dockerfile)} }`))

  it.each([
    ['.', '../other/f'],
    ['.', '/etc/passwd'],
    ['.', 'sub/../../other/f'],
    ['.', 'link/f'],
    ['sub', '../../other/f'],
    ['https://host/x.git', '/etc/passwd'],
  ])('in %s refuses %s, whose folder the builder could read', (context, dockerfile) => {
    expect(() => build(context, dockerfile)).toThrow(/lies outside of the tree it was fetched with/)
  })

  it.each([
    ['sub', '../web.Dockerfile'],
    ['.', `${tree}/sub/f`],
    ['https://host/x.git', '../f'],
  ])('in %s takes %s', (context, dockerfile) => {
    expect(build(context, dockerfile).services['a']?.build?.dockerfile).toBe(dockerfile)
  })
})

describe('a fetched file', () => {
  it('names what came with it', () => {
    const { services } = load('include: [sub/c.yaml]\nservices: { a: { image: x, env_file: sub/../sub/f } }')
    expect(services['a']?.environment?.['A']).toBe('1')
    expect(services['b']?.build?.context).toBe(`${tree}/sub`)
  })

  it('may mount what it likes: that is shown before anything starts', () => {
    expect(load(service('volumes: ["/etc:/e", "../x:/x"]')).services['a']?.volumes).toMatchObject([
      { source: '/etc' },
      { source: '/cache/x' },
    ])
  })
})
