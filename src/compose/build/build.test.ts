import { describe, expect, it } from 'vitest'
import { makeDictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { project as makeProject, service as makeService } from '../../testing/compose-builders.ts'
import { toBakeFile } from './bake.ts'
import { BuildProgress } from './build-progress.ts'
import { parseCacheEntry, reachCaches } from './cache-entry.ts'
import { toClassicQuery } from './classic-query.ts'
import { identityOf, plainWishes, toImageBuild } from './definition.ts'
import type { BuildWishes, ImageBuild } from './definition.ts'
import { toSolve } from './frontend.ts'
import type { BuilderFacts } from './frontend.ts'

const modern: BuilderFacts = { apiVersion: '1.51', hasContainerdStore: false }

function unnamed(service: Service): Service {
  return Object.fromEntries(Object.entries(service).filter(([key]) => key !== 'image')) as unknown as Service
}

function buildOf(
  build: NonNullable<Service['build']>,
  wishes: Partial<BuildWishes> = {},
  more: { readonly environment?: Project['environment'] } = {},
): ImageBuild {
  const web = makeService('web', { build: { context: '/src', dockerfile: 'Dockerfile', ...build } })
  const whole = makeProject([unnamed(web)], more)
  return toImageBuild(whole, whole.services['web']!, { ...plainWishes, ...wishes })
}

describe('the build of a service', () => {
  it('has the names and labels of the project', () => {
    const build = buildOf({ tags: ['x/y:1', 'p-web'], labels: makeDictionary([['team', 'blue']]) })
    expect(build.tags).toEqual(['p-web', 'x/y:1'])
    expect({ ...build.labels }).toEqual({
      team: 'blue',
      'com.docker.compose.project': 'p',
      'com.docker.compose.service': 'web',
      'com.docker.compose.version': '2.40.3',
    })
  })

  it('takes arguments of the command line over those of the file, and empty ones from the environment', () => {
    const build = buildOf(
      { args: { A: 'file', B: null, C: null, D: 'file' } },
      { args: { A: 'flag', D: null } },
      { environment: makeDictionary([['B', 'env']]) },
    )
    expect({ ...build.args }).toEqual({ A: 'flag', B: 'env' })
  })

  it.each([
    ['/src', 'Dockerfile', '', { kind: 'file', path: '/src/Dockerfile' }],
    ['/src', '../other/D', '', { kind: 'file', path: '/other/D' }],
    ['/src', '/abs/D', '', { kind: 'file', path: '/abs/D' }],
    ['/src', '', 'FROM x', { kind: 'text', text: 'FROM x' }],
    ['https://github.com/a/b.git#main:sub', 'D', '', { kind: 'remote', name: 'D' }],
    ['git@github.com:a/b', 'D', '', { kind: 'remote', name: 'D' }],
  ])('finds the Dockerfile of %s, %s', (context, dockerfile, inline, place) => {
    expect(buildOf({ context, dockerfile, dockerfile_inline: inline }).dockerfile).toEqual(place)
  })

  it('builds one platform to run and all of them to keep', () => {
    const build = { platforms: ['linux/amd64', 'linux/arm64'] }
    expect(buildOf(build).platforms).toEqual([])
    expect(buildOf(build, { isToRun: false }).platforms).toEqual(build.platforms)
    expect(buildOf({ platforms: ['linux/arm64'] }).platforms).toEqual(['linux/arm64'])
  })

  it('refuses secrets without a source and contexts it does not know', () => {
    expect(() => buildOf({ secrets: [{ source: 'gone' }] })).toThrow(
      'build.secrets only supports environment or file-based secrets: "gone"',
    )
    expect(() => buildOf({ cache_to: ['type=local,mode=max'] })).toThrow('a local cache needs dest=FOLDER')
    expect(() => buildOf({ additional_contexts: { a: 'ftp://x' } })).toThrow('unknown kind of context "ftp://x"')
    expect(() => buildOf({ additional_contexts: { a: 'service:gone' } })).toThrow('names "gone"')
  })

  it('is the same for the same image only', () => {
    expect(identityOf(buildOf({}))).toBe(identityOf(buildOf({})))
    expect(identityOf(buildOf({ target: 'x' }))).not.toBe(identityOf(buildOf({})))
  })
})

describe('a build in the words of BuildKit', () => {
  it('has an attribute for each field', () => {
    const build = buildOf(
      {
        args: { A: '1' },
        target: 't',
        no_cache_filter: ['one', 'two'],
        extra_hosts: { b: ['2.2.2.2', '::1'], a: ['1.1.1.1'] },
        network: 'host',
        shm_size: 1024,
        ulimits: { nofile: { soft: 1, hard: 2 }, nproc: { single: 3 } },
        privileged: true,
        entitlements: ['network.host'],
        cache_from: ['r/i:c', 'type=registry,ref=r/i:d', 'type=inline'],
        cache_to: ['type=inline', 'type=registry,ref=r/i:e,mode=max'],
        additional_contexts: { here: '/other', img: 'docker-image://x', git: 'https://h/r.git' },
        platforms: ['linux/arm64'],
      },
      { isPulling: true },
    )
    const { request, folders } = toSolve(build, { ...modern, hasContainerdStore: true })
    expect(request).toEqual({
      frontend: 'dockerfile.v0',
      exporter: 'moby',
      exporterAttributes: { name: 'p-web:latest' },
      entitlements: ['network.host', 'security.insecure'],
      cacheImports: [
        { type: 'registry', attributes: { ref: 'r/i:c' } },
        { type: 'registry', attributes: { ref: 'r/i:d' } },
      ],
      cacheExports: [
        { type: 'inline', attributes: {} },
        { type: 'registry', attributes: { ref: 'r/i:e', mode: 'max' } },
      ],
      attributes: {
        filename: 'Dockerfile',
        'context:git': 'https://h/r.git',
        'context:here': 'local:context-here',
        'context:img': 'docker-image://x',
        'build-arg:A': '1',
        'label:com.docker.compose.project': 'p',
        'label:com.docker.compose.service': 'web',
        'label:com.docker.compose.version': '2.40.3',
        target: 't',
        platform: 'linux/arm64',
        'no-cache': 'one,two',
        'image-resolve-mode': 'pull',
        'add-hosts': 'a=1.1.1.1,b=2.2.2.2,b=::1',
        'force-network-mode': 'host',
        'shm-size': '1024',
        ulimit: 'nofile=1:2,nproc=3:3',
        'cache-imports': '[{"Type":"registry","Attrs":{"ref":"r/i:c"}},{"Type":"registry","Attrs":{"ref":"r/i:d"}}]',
      },
    })
    expect([...folders]).toEqual([
      ['context', { kind: 'folder', path: '/src' }],
      ['dockerfile', { kind: 'folder', path: '/src' }],
      ['context-here', { kind: 'folder', path: '/other' }],
    ])
  })

  it('leaves remote contexts to the engine, and sends a Dockerfile that is not in them', () => {
    const remote = toSolve(buildOf({ context: 'https://h/r.git#b' }), modern)
    expect(remote.request.attributes).toMatchObject({ context: 'https://h/r.git#b', filename: 'Dockerfile' })
    expect(remote.folders.size).toBe(0)
    const inline = toSolve(buildOf({ context: 'https://h/r.git', dockerfile_inline: 'FROM x' }), modern)
    expect(inline.request.attributes).toMatchObject({ dockerfilekey: 'dockerfile' })
    expect(inline.folders.get('dockerfile')).toEqual({ kind: 'texts', files: { Dockerfile: 'FROM x' } })
  })

  it.each([
    [{ platforms: ['a/b', 'c/d'] }, {}, 'an image of several platforms needs another image store'],
    [{ provenance: 'true' }, {}, 'build.provenance needs another image store'],
    [{ sbom: 'true' }, {}, 'build.sbom needs another image store'],
    [{ cache_to: ['type=local,dest=/x'] }, {}, 'build.cache_to of type "local" needs another image store'],
    [{ additional_contexts: { a: 'oci-layout://x' } }, {}, 'additional_contexts.a (oci-layout) needs another image'],
    [{ additional_contexts: { a: '/x' } }, { apiVersion: '1.41' }, 'needs Docker Engine 23.0 or later'],
    [{ network: 'mine' }, {}, 'network mode "mine" is not supported by BuildKit'],
    [{ extra_hosts: { h: ['host-gateway'] } }, {}, 'unable to derive the IP value for host-gateway'],
  ])('refuses %j', (build, facts, message) => {
    expect(() => toSolve(buildOf(build, { isToRun: false }), { ...modern, ...facts })).toThrow(message)
  })

  it('asks for attestations where the store keeps them', () => {
    const build = buildOf({ provenance: 'mode=max', sbom: 'true', extra_hosts: { h: ['host-gateway'] } })
    const { attributes } = toSolve(build, { ...modern, hasContainerdStore: true, hostGateway: '172.17.0.1' }).request
    expect(attributes).toMatchObject({
      'attest:provenance': 'mode=max',
      'attest:sbom': '',
      'add-hosts': 'h=172.17.0.1',
    })
    expect(toSolve(buildOf({ provenance: 'false' }), modern).request.attributes).not.toHaveProperty('attest:provenance')
  })
})

describe('a build in the words of the classic builder', () => {
  it('has a query for each field', () => {
    const query = toClassicQuery(
      buildOf(
        {
          args: { A: '1' },
          cache_from: ['r/i:c'],
          extra_hosts: { a: ['1.1.1.1'] },
          network: 'mine',
          shm_size: 9,
          ulimits: { nproc: { single: 3 } },
          isolation: 'process',
          tags: ['other'],
        },
        { memoryBytes: 7, isWithoutCache: true },
      ),
      'Dockerfile',
    )
    expect(query).toMatchObject({
      t: ['p-web', 'other'],
      buildargs: '{"A":"1"}',
      cachefrom: '["r/i:c"]',
      extrahosts: ['a:1.1.1.1'],
      networkmode: 'mine',
      shmsize: 9,
      memory: 7,
      nocache: true,
      isolation: 'process',
      ulimits: '[{"Name":"nproc","Soft":3,"Hard":3}]',
    })
    expect(JSON.parse(String(query['labels']))).toMatchObject({ 'com.docker.compose.image.builder': 'classic' })
  })

  it.each([
    [{ privileged: true }, 'privileged mode'],
    [{ additional_contexts: { a: '/x' } }, 'additional contexts'],
    [{ ssh: [{ id: 'default' }] }, 'SSH keys'],
    [{ platforms: ['a/b', 'c/d'] }, 'multi-arch build'],
    [{ cache_to: ['type=inline'] }, 'cache export'],
  ])('refuses %j', (build, what) => {
    expect(() => toClassicQuery(buildOf(build, { isToRun: false }), 'D')).toThrow(
      `the classic builder doesn't support ${what}, set DOCKER_BUILDKIT=1 to use BuildKit`,
    )
  })
})

describe('cache entries', () => {
  it('are names or fields', () => {
    expect(parseCacheEntry('type=gha,"scope=a,b"', 'x')).toEqual([{ type: 'gha', attributes: { scope: 'a,b' } }])
    expect(parseCacheEntry('', 'x')).toEqual([])
    expect(parseCacheEntry('a,b:1', 'x').map(({ attributes }) => attributes)).toEqual([{ ref: 'a' }, { ref: 'b:1' }])
    expect(() => parseCacheEntry('ref=a', 'build.cache_to')).toThrow('build.cache_to: type is required in "ref=a"')
    expect(() => parseCacheEntry('type=x,=y', 'w')).toThrow('w: invalid value "=y"')
  })

  it('of GitHub Actions have what a job knows of them, and are none elsewhere', () => {
    const caches = parseCacheEntry('type=gha,scope=s', 'x')
    const reach = (env: Readonly<Record<string, string>>): unknown => reachCaches(caches, env)[0]?.attributes
    const job = { ACTIONS_RUNTIME_TOKEN: 't', ACTIONS_RESULTS_URL: 'r' }
    expect(reach({})).toBeUndefined()
    expect(reach({ ACTIONS_RUNTIME_TOKEN: 't' })).toBeUndefined()
    expect(reach(job)).toEqual({ scope: 's', token: 't', url: 'r' })
    expect(reach({ ...job, ACTIONS_CACHE_URL: 'c', ACTIONS_CACHE_SERVICE_V2: 'true' })).toEqual({
      scope: 's',
      token: 't',
      url: 'c',
      url_v2: 'r',
    })
    const own = parseCacheEntry('type=gha,token=mine,url=here', 'x')
    expect(reachCaches(own, job)).toEqual(own)
    expect(reachCaches(parseCacheEntry('alpine', 'x'), {})).toHaveLength(1)
  })
})

describe('the bake file', () => {
  it('says the same in the words of bake', () => {
    const build = buildOf({ args: { A: '1' }, target: 't', dockerfile_inline: 'FROM x' })
    expect(JSON.parse(JSON.stringify(toBakeFile([build], makeProject([]), {})))).toEqual({
      group: { default: { targets: ['web'] } },
      target: {
        web: {
          context: '/src',
          'dockerfile-inline': 'FROM x',
          args: { A: '1' },
          labels: build.labels,
          tags: ['p-web'],
          target: 't',
          output: ['type=docker'],
        },
      },
    })
  })

  it.each([
    [{}, {}, undefined, { output: ['type=docker'] }],
    [{}, { isPushed: true }, undefined, { output: ['type=docker'] }],
    [{}, { isPushed: true }, 'r/web', { output: ['type=registry'] }],
    [{ platforms: ['a/b', 'c/d'] }, { isPushed: true }, 'r/web', { output: ['type=image,push=true'] }],
    [{ platforms: ['a/b', 'c/d'] }, {}, 'r/web', { output: ['type=image,push=false'] }],
    [{}, { isPushed: true, isCheck: true }, 'r/web', { call: 'lint' }],
    [{ tags: ['a:1', 'b:2'] }, {}, 'r/web', { tags: ['a:1', 'b:2', 'r/web'], output: ['type=docker'] }],
  ])('says what becomes of what is built: %j %j %s', (definition, wishes, image, expected) => {
    const web = makeService('web', { build: { context: '/src', ...definition } })
    const want = makeProject([image === undefined ? unnamed(web) : { ...web, image }])
    const build = toImageBuild(want, want.services['web']!, { ...plainWishes, isToRun: false })
    const file = JSON.parse(JSON.stringify(toBakeFile([build], want, wishes))) as {
      readonly target: { readonly web: { readonly output?: unknown; readonly call?: unknown } }
    }
    expect(file.target.web).toMatchObject(expected)
    expect('output' in file.target.web).toBe('output' in expected)
  })
})

describe('progress of a build', () => {
  const vertex = (digest: string, more: object = {}) => ({
    digest,
    name: `step ${digest}`,
    isCached: false,
    error: '',
    ...more,
  })
  const empty = { vertexes: [], statuses: [], logs: [], warnings: [] }

  it('numbers steps, joins pieces of lines, and tells how each ended', () => {
    const progress = new BuildProgress('web')
    const lines = [
      { ...empty, vertexes: [vertex('a', { startedMs: 1000 }), vertex('b')] },
      {
        ...empty,
        logs: [
          { vertex: 'a', data: Buffer.from('one\ntw') },
          { vertex: 'a', data: Buffer.from('o\r\n50%\r100%\n\u001b[31mred') },
        ],
      },
      { ...empty, vertexes: [vertex('a', { startedMs: 1000, completedMs: 2500 }), vertex('b', { isCached: true })] },
      { ...empty, vertexes: [vertex('b', { isCached: true })] },
    ].flatMap((event) => progress.take(event).map(({ id, text, output }) => `${id}: ${output ?? text}`))
    expect(lines).toEqual([
      'web #1 step a: Running',
      'web #1 step a: one',
      'web #1 step a: two',
      'web #1 step a: 100%',
      'web #1 step a: red',
      'web #1 step a: Done 1.5s',
      'web #2 step b: Cached',
    ])
  })

  it('joins characters that come in pieces', () => {
    const progress = new BuildProgress('web')
    progress.take({ ...empty, vertexes: [vertex('a', { startedMs: 1 })] })
    const bytes = Buffer.from('grün ✓\n')
    const pieces = [...bytes].map((byte) => ({ vertex: 'a', data: Buffer.of(byte) }))
    expect(progress.take({ ...empty, logs: pieces }).map(({ output }) => output)).toEqual(['grün ✓'])
  })

  it('counts on in a step that starts again', () => {
    const progress = new BuildProgress('web')
    progress.take({ ...empty, vertexes: [vertex('a', { startedMs: 1, completedMs: 2 })] })
    progress.take({ ...empty, vertexes: [vertex('a', { startedMs: 3 })] })
    const events = progress.take({ ...empty, statuses: [{ id: 'x', vertex: 'a', current: 5, total: 0 }] })
    expect(events).toMatchObject([{ status: 'working', current: 5 }])
  })

  it('keeps the last lines of the step that failed, not of those that were cancelled by it', () => {
    const progress = new BuildProgress('web')
    progress.take({ ...empty, vertexes: [vertex('a', { startedMs: 1 }), vertex('b', { startedMs: 1 })] })
    const text = Array.from({ length: 15 }, (_, index) => `line ${index}\n`).join('')
    progress.take({ ...empty, logs: [{ vertex: 'b', data: Buffer.from(`${text}end`) }] })
    progress.take({ ...empty, vertexes: [vertex('a', { error: 'context canceled' })] })
    progress.take({ ...empty, vertexes: [vertex('b', { error: 'exit code: 1' })] })
    expect(progress.failed?.name).toBe('step b')
    expect(progress.failed?.lines.at(0)).toBe('line 5')
    expect(progress.failed?.lines.at(-1)).toBe('end')
  })
})
