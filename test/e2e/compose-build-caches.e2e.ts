import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callForJson } from '../../src/engine/api/call.ts'
import { inspectImage } from '../../src/engine/api/images.ts'
import { openEngine } from '../../src/engine/client.ts'
import { RegistryClient } from '../../src/engine/registry/client.ts'
import { parseReference } from '../../src/engine/registry/reference.ts'
import { systemClock } from '../../src/io/clock.ts'
import { execChecked } from '../../src/io/exec.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { installBuildx } from './clients.ts'
import { ComposeHost, isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { RunResult } from './programs.ts'

/**
 * What builds take from elsewhere and leave there, on real engines 28.5: caches in registries and folders, images in
 * folders, images of several platforms. One engine has the store it has by default, the other containerd's.
 */

const engines = ['default', 'containerd'] as const
type EngineName = (typeof engines)[number]

interface Index {
  readonly manifests: readonly {
    readonly digest: string
    readonly mediaType: string
    readonly annotations?: Readonly<Record<string, string>>
    readonly platform?: { readonly os: string; readonly architecture: string }
  }[]
}

describe.runIf(isRoot)('builds with caches and images from elsewhere (needs root on Linux)', () => {
  let running: Lab
  let hosts: Readonly<Record<EngineName, ComposeHost>>
  let folder = ''
  let registry = ''

  beforeAll(async () => {
    running = await lab({
      hosts: 2,
      engines: ['28.5'],
      image: true,
      namePrefix: 'bca',
      engineArgs: (index) => (index === 1 ? ['--feature=containerd-snapshotter=true'] : []),
    })
    const [first, second] = running.hosts
    const plain = await openComposeHost(first!)
    folder = plain.folder
    const engine = openEngine(second!.endpoint, { clock: systemClock, userAgent: 'flotilla-test' })
    const other = new ComposeHost(engine, { ...plain.env, DOCKER_HOST: second!.url }, folder)
    hosts = { default: plain, containerd: other }
    registry = (await running.registry()).address
  })

  afterAll(async () => {
    await hosts?.containerd.engine.close()
    await hosts?.default.close()
    await running?.down()
  })

  async function build(name: EngineName, project: string, args: readonly string[] = []): Promise<RunResult> {
    const result = await hosts[name].compose(project, ['build', ...args])
    expect(result.code, `${name}: ${result.stderr}`).toBe(0)
    return result
  }

  /** What the images' own layers say: each real run of the step makes another text. */
  async function stampOf(name: EngineName, image: string): Promise<string> {
    const host = running.hosts[engines.indexOf(name)]!
    const result = await host.docker(['run', '--rm', image, 'cat', '/stamp'])
    expect(result.code, result.stderr).toBe(0)
    return result.stdout
  }

  /** Takes away what the engine remembers of a build. */
  async function forget(name: EngineName, image: string): Promise<void> {
    const host = running.hosts[engines.indexOf(name)]!
    await host.docker(['rmi', '-f', image])
    const { engine } = hosts[name]
    await callForJson(engine, { method: 'POST', path: '/build/prune', query: { all: true } }, {})
  }

  /** A step of its own for each project: what one test leaves in an engine must not serve another one. */
  function stampFile(project: string): string {
    return `FROM ${sampleImage}\nRUN echo ${project}; cat /proc/sys/kernel/random/uuid >/stamp\n`
  }

  /** A project whose image `PROJECT-web` is to have the same stamp again. */
  async function writeCached(project: string, build: string): Promise<void> {
    await hosts.default.write(project, {
      'compose.yaml': `services: { web: { image: ${project}-web, build: { context: ., ${build} } } }\n`,
      Dockerfile: stampFile(project),
    })
  }

  it('really has the two stores', async () => {
    for (const name of engines) {
      const info = await callForJson<{ DriverStatus: readonly (readonly string[])[] }>(
        hosts[name].engine,
        { method: 'GET', path: '/info' },
        {},
      )
      const kinds = info.DriverStatus.flat()
      expect(kinds.includes('io.containerd.snapshotter.v1')).toBe(name === 'containerd')
    }
  })

  it.each(engines)('takes layers from the inline cache of a pushed image (%s store)', async (name) => {
    const image = `${registry}/inline/${name}:1`
    await hosts.default.write('inline', {
      'compose.yaml': `services: { web: { image: "${image}", build: { context: ., cache_to: [type=inline], cache_from: ["${image}"] } } }\n`,
      Dockerfile: stampFile('inline'),
    })
    await build(name, 'inline', ['--push'])
    const stamp = await stampOf(name, image)
    await forget(name, image)
    const again = await build(name, 'inline')
    expect(again.stderr).toContain('/stamp  Cached')
    expect(await stampOf(name, image)).toBe(stamp)
    if (name === 'containerd') return
    // Without the cache it is another one: the test would notice a builder that forgets nothing.
    await forget(name, image)
    await build(name, 'inline', ['--no-cache'])
    expect(await stampOf(name, image)).not.toBe(stamp)
  })

  it('keeps a cache in a registry and takes it from there, on both engines', async () => {
    const ref = `${registry}/caches/web:1`
    await writeCached(
      'regcache',
      `cache_to: ["type=registry,ref=${ref},mode=max"], cache_from: ["type=registry,ref=${ref}"]`,
    )
    const refused = await hosts.default.compose('regcache', ['build'])
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('build.cache_to of type "registry" needs another image store') as unknown,
    })
    await build('containerd', 'regcache')
    const stamp = await stampOf('containerd', 'regcache-web')
    await forget('containerd', 'regcache-web')
    expect((await build('containerd', 'regcache')).stderr).toContain('/stamp  Cached')
    expect(await stampOf('containerd', 'regcache-web')).toBe(stamp)
    await writeCached('regcache', `cache_from: ["type=registry,ref=${ref}"]`)
    await build('default', 'regcache')
    expect(await stampOf('default', 'regcache-web')).toBe(stamp)
  })

  it('keeps a cache in a folder and takes it from there, on both engines', async () => {
    await writeCached(
      'dircache',
      'cache_to: ["type=local,dest=./cache,mode=max"], cache_from: ["type=local,src=./cache"]',
    )
    const cache = join(folder, 'dircache', 'cache')
    const refused = await hosts.default.compose('dircache', ['build'])
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('build.cache_to of type "local" needs another image store') as unknown,
    })
    expect(existsSync(cache)).toBe(false)
    const first = await build('containerd', 'dircache', ['--progress', 'plain'])
    expect(first.stderr).toContain('Not there yet')
    const stamp = await stampOf('containerd', 'dircache-web')
    expect(readdirSync(cache).sort()).toEqual(['blobs', 'index.json', 'oci-layout'])
    const index = JSON.parse(readFileSync(join(cache, 'index.json'), 'utf8')) as Index
    expect(index.manifests).toHaveLength(1)
    expect(index.manifests[0]?.annotations).toEqual({ 'org.opencontainers.image.ref.name': 'latest' })
    for (const name of readdirSync(join(cache, 'blobs', 'sha256'))) {
      const bytes = readFileSync(join(cache, 'blobs', 'sha256', name))
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(name)
    }
    await forget('containerd', 'dircache-web')
    expect((await build('containerd', 'dircache')).stderr).toContain('/stamp  Cached')
    expect(await stampOf('containerd', 'dircache-web')).toBe(stamp)
    await writeCached('dircache', 'cache_from: ["type=local,src=./cache"]')
    await build('default', 'dircache')
    expect(await stampOf('default', 'dircache-web')).toBe(stamp)
    rmSync(cache, { recursive: true })
    await build('default', 'dircache')
  })

  it('shares folders of caches with buildx', async () => {
    const config = join(folder, 'buildx')
    await installBuildx(config)
    const context = join(folder, 'shared')
    const buildx = async (...args: readonly string[]): Promise<void> => {
      const words = ['buildx', 'build', '-t', 'shared-theirs', ...args, context]
      const result = await running.hosts[1]!.docker(words, { env: { DOCKER_CONFIG: config } })
      expect(result.code, result.stderr).toBe(0)
    }
    await writeCached('shared', 'cache_to: ["type=local,dest=ours"]')
    await build('containerd', 'shared')
    const ours = await stampOf('containerd', 'shared-web')
    await forget('containerd', 'shared-web')
    await buildx('--cache-from', `type=local,src=${join(context, 'ours')}`)
    expect(await stampOf('containerd', 'shared-theirs')).toBe(ours)
    await buildx('--no-cache', '--cache-to', `type=local,dest=${join(context, 'theirs')}`)
    const theirs = await stampOf('containerd', 'shared-theirs')
    expect(theirs).not.toBe(ours)
    await forget('containerd', 'shared-theirs')
    await writeCached('shared', 'cache_from: ["type=local,src=theirs"]')
    await build('containerd', 'shared')
    expect(await stampOf('containerd', 'shared-web')).toBe(theirs)
  })

  it('starts from an image in a folder, where the store allows it', async () => {
    const layout = join(folder, 'layout', 'base')
    await mkdir(layout, { recursive: true })
    const archive = join(folder, 'layout', 'base.tar')
    const saved = await running.hosts[0]!.docker(['save', '-o', archive, sampleImage])
    expect(saved.code, saved.stderr).toBe(0)
    await execChecked(['tar', '-xf', archive, '-C', layout], { clock: systemClock })
    await hosts.default.write('layout', {
      'compose.yaml': `
services:
  web:
    build:
      context: .
      dockerfile_inline: |
        FROM base
        RUN echo from a folder >/stamp
        COPY --from=base /bin/serve /copied
      additional_contexts: { base: "oci-layout://./base" }
  none: { profiles: [x], build: { context: ., dockerfile_inline: FROM base, additional_contexts: { base: "oci-layout://./base:nosuch" } } }
  gone: { profiles: [x], build: { context: ., dockerfile_inline: FROM base, additional_contexts: { base: "oci-layout://./gone" } } }
`,
    })
    await build('containerd', 'layout', ['web'])
    expect(await stampOf('containerd', 'layout-web')).toBe('from a folder\n')
    const refused = await hosts.default.compose('layout', ['build', 'web'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('additional_contexts.base (oci-layout) needs another image store')
    const none = await hosts.containerd.compose('layout', ['build', 'none'])
    expect(none.code).toBe(1)
    expect(none.stderr).toContain('additional_contexts.base of service "none"')
    expect(none.stderr).toContain('has no image "nosuch"')
    const gone = await hosts.containerd.compose('layout', ['build', 'gone'])
    expect(gone.code).toBe(1)
    expect(gone.stderr).toContain(`cannot use the folder ${join(folder, 'layout', 'gone')}`)
  })

  it('builds an image of several platforms with attestations, where the store allows it', async () => {
    const image = `${registry}/many/web:1`
    const project = (more: string): Readonly<Record<string, string>> => ({
      'compose.yaml': `services: { web: { image: "${image}", build: { context: ., dockerfile_inline: "FROM scratch\\nARG TARGETARCH\\nLABEL arch=$$TARGETARCH\\nCOPY compose.yaml /\\n"${more} } } }\n`,
    })
    await hosts.default.write('many', project(', platforms: [linux/amd64, linux/arm64], provenance: true'))
    const refused = await hosts.default.compose('many', ['build'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('an image of several platforms needs another image store')
    await build('containerd', 'many', ['--push'])
    const client = new RegistryClient(parseReference(image), { clock: systemClock, isInsecure: true })
    const index = JSON.parse((await client.manifest('1')).bytes.toString()) as Index
    const platforms = index.manifests.map(({ platform }) => `${platform?.os}/${platform?.architecture}`)
    expect(platforms.sort()).toEqual(['linux/amd64', 'linux/arm64', 'unknown/unknown', 'unknown/unknown'])
    const attested = index.manifests.filter(
      ({ annotations }) => annotations?.['vnd.docker.reference.type'] !== undefined,
    )
    expect(attested).toHaveLength(2)
    // One that is not this machine's is only named so: nothing has to run.
    await hosts.default.write('many', project(', platforms: [linux/arm64]'))
    await build('default', 'many')
    const built = await inspectImage(hosts.default.engine, image)
    expect(built).toMatchObject({ Architecture: 'arm64', Config: { Labels: { arch: 'arm64' } } })
  })
})
