import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RegistryClient, digestOf } from '../../src/engine/registry/client.ts'
import { parseReference } from '../../src/engine/registry/reference.ts'
import { systemClock } from '../../src/io/clock.ts'
import { execChecked, execProgram } from '../../src/io/exec.ts'
import type { ExecResult } from '../../src/io/exec.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { ComposeHost } from './compose-host.ts'
import { ensurePrograms, executableForm } from './programs.ts'
import type { RunResult } from './programs.ts'

/** Compose files out of Git repositories and a real registry that wants a password, harmless and hostile ones. */

/** `ann` with the password `secret`. */
const users = 'ann:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n'
const composeFile = `services:\n  web: { image: ${sampleImage}, command: ["/bin/idle"] }\n`

describe.runIf(isRoot)('remote files (needs root on Linux)', () => {
  let running: Lab | undefined
  let host: ComposeHost
  let registry = ''
  let local = ''
  let forwarder: Server | undefined
  let work = ''
  let env: Record<string, string> = {}
  let daemon: ChildProcess | undefined
  let repository = ''
  let gitUrl = ''

  beforeAll(async () => {
    ensurePrograms()
    running = await lab({ engines: ['28.5'], image: true, namePrefix: 'rem' })
    host = await openComposeHost(running.hosts[0]!)
    registry = (await running.registry(users)).address
    await host.write('work', { 'compose.yaml': composeFile })
    work = join(host.folder, 'work')
    // The reference program speaks HTTP to loopback addresses only.
    local = await forward(running.gateway, Number(registry.split(':')[1]))
    const login = { auth: Buffer.from('ann:secret').toString('base64') }
    const config = { auths: { [registry]: login, [local]: login } }
    await host.write('docker', { 'config.json': JSON.stringify(config) })
    env = {
      ...host.env,
      PATH: process.env['PATH'] ?? '',
      HOME: host.folder,
      DOCKER_CONFIG: join(host.folder, 'docker'),
      XDG_CACHE_HOME: join(host.folder, 'cache'),
    }
    await startGit()
  })

  afterAll(async () => {
    // Not SIGKILL: git hands this one on to the server that it has started.
    daemon?.kill('SIGTERM')
    forwarder?.close()
    await host?.close()
    await running?.down()
  })

  async function git(...args: readonly string[]): Promise<string> {
    const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'init.defaultBranch=main']
    return execChecked(['git', ...identity, '-C', repository, ...args], { clock: systemClock })
  }

  async function commit(files: Readonly<Record<string, string>>): Promise<string> {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(join(repository, name, '..'), { recursive: true })
      await writeFile(join(repository, name), text)
    }
    await git('add', '-A')
    await git('commit', '-q', '-m', 'change')
    return (await git('rev-parse', 'HEAD')).trim()
  }

  async function startGit(): Promise<void> {
    repository = join(host.folder, 'git', 'shop.git')
    await mkdir(repository, { recursive: true })
    await git('init', '-q')
    const port = await freePort()
    const base = join(host.folder, 'git')
    daemon = spawn(
      'git',
      ['daemon', '--listen=127.0.0.1', `--port=${port}`, '--export-all', '--reuseaddr', `--base-path=${base}`, base],
      { stdio: 'ignore' },
    )
    gitUrl = `git://127.0.0.1:${port}/shop.git`
    await commit({ 'compose.yaml': composeFile })
    const listens = await host.eventually(
      async () => (await execProgram(['git', 'ls-remote', gitUrl], { clock: systemClock })).code === 0,
    )
    expect(listens).toBe(true)
  }

  /** A port of the loopback that leads to one elsewhere. */
  function forward(target: string, port: number): Promise<string> {
    return new Promise((resolve) => {
      forwarder = createServer((socket) => {
        const other = connect(port, target)
        for (const [from, to] of [
          [socket, other],
          [other, socket],
        ] as const) {
          from.pipe(to)
          from.on('error', () => to.destroy())
        }
      }).listen(0, '127.0.0.1', () => {
        const address = forwarder?.address()
        resolve(`127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`)
      })
    })
  }

  function freePort(): Promise<number> {
    return new Promise((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const address = server.address()
        server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
      })
    })
  }

  function ours(args: readonly string[], input = '', more: Record<string, string> = {}): Promise<RunResult> {
    return executableForm.run('docker-compose', ['--insecure-registry', registry, ...args], {
      cwd: work,
      env: { ...env, ...more },
      input,
      timeoutMs: 120_000,
    })
  }

  function services(result: { readonly stdout: string }): Readonly<Record<string, { readonly image?: string }>> {
    return (JSON.parse(result.stdout) as { services: Record<string, { image?: string }> }).services
  }

  describe('from Git', () => {
    it('reads the default branch, a tag, a commit, a folder; names the project after the repository', async () => {
      const sub = `services:\n  sub:\n    image: sub\n    env_file: vars\n    build: .\n`
      await commit({ 'deploy/compose.yml': sub, 'deploy/vars': 'A=1\n' })
      await git('tag', '-a', '-m', 'one', 'v1')
      const later = await commit({ 'compose.yaml': `services: { later: { image: later } }\n` })
      const first = (await git('rev-parse', 'v1~1')).trim()

      const main = await ours(['-f', gitUrl, 'config', '--format', 'json'])
      expect(main.code, main.stderr).toBe(0)
      expect(Object.keys(services(main))).toEqual(['later'])
      expect(JSON.parse(main.stdout)).toMatchObject({ name: 'shop' })
      const tagged = await ours(['-f', `${gitUrl}#v1:deploy`, 'config', '--format', 'json'])
      expect(tagged.code, tagged.stderr).toBe(0)
      expect(JSON.parse(tagged.stdout)).toMatchObject({
        name: 'deploy',
        services: { sub: { image: 'sub', environment: { A: '1' } } },
      })
      for (const ref of [first, `v1`]) {
        expect(Object.keys(services(await ours(['-f', `${gitUrl}#${ref}`, 'config', '--format', 'json'])))).toEqual([
          'web',
        ])
      }
      expect(await readdir(join(host.folder, 'cache', 'docker-compose'))).toContain(later)
    })

    it('includes and extends from Git in local files', async () => {
      await commit({ 'lib/base.yaml': 'services: { base: { image: base, labels: { from: git } } }\n' })
      await host.write('work', {
        'remote.yaml': `include:\n  - ${gitUrl}#main:lib/base.yaml\nservices:\n  own: { extends: { file: "${gitUrl}#main:lib/base.yaml", service: base }, image: own }\n`,
      })
      const result = await ours(['-f', 'remote.yaml', 'config', '--format', 'json'])
      expect(result.code, result.stderr).toBe(0)
      expect(JSON.parse(result.stdout)).toMatchObject({
        name: 'work',
        services: { base: { image: 'base' }, own: { image: 'own', labels: { from: 'git' } } },
      })
    })

    it.each([
      ['a ref that looks like an option', (url: string) => `${url}#--upload-pack=touch x`, 'its ref is no name'],
      ['a path out of the tree', (url: string) => `${url}#main:../../etc`, 'its path leaves the tree'],
      ['an absolute path', (url: string) => `${url}#main:/etc/passwd`, 'its path is absolute'],
      ['a ref that is not there', (url: string) => `${url}#nope`, 'does not contain ref nope'],
      ['a path that is not there', (url: string) => `${url}#main:nope.yaml`, 'has no nope.yaml'],
      ['another transport', () => 'ext::sh -c touch% /tmp/x', 'no such file or directory'],
      ['a local repository by URL', () => 'file:///etc', 'no such file or directory'],
      ['a server that is not there', () => 'git://127.0.0.1:9/x.git', 'cannot fetch git://127.0.0.1:9/x.git'],
      ['a password', () => 'https://u:hunter2@127.0.0.1:9/x.git', 'cannot fetch https://***@127.0.0.1:9/x.git'],
    ])('refuses %s', async (_, make, words) => {
      const result = await ours(['-f', make(gitUrl), 'config'])
      expect([result.code, result.stdout]).toEqual([1, ''])
      expect(result.stderr).toContain(words)
      expect(result.stderr).not.toContain('hunter2')
    })

    it('refuses what leads out of the tree: links, env files, bases and includes', async () => {
      await symlink('/etc/passwd', join(repository, 'link.yaml'))
      await symlink('/etc', join(repository, 'etc'))
      await commit({
        'env.yaml': 'services: { a: { image: a, env_file: ../../../../../../etc/hostname } }\n',
        'base.yaml': 'services: { a: { extends: { file: ../../x.yaml, service: a } } }\n',
        'inc.yaml': 'include: [/etc/x.yaml]\n',
        'ctx.yaml': 'services: { a: { build: /etc } }\n',
        'linked.yaml': 'services: { a: { build: etc } }\n',
        'layout.yaml':
          'services: { a: { build: { context: ., additional_contexts: { b: "oci-layout://../x:1" } } } }\n',
        'cache.yaml': 'services: { a: { build: { context: ., cache_to: ["type=local,\\"dest=/etc/cache\\""] } } }\n',
        'deep.yaml': 'services: { a: { build: { context: ., cache_from: ["type=local,src=etc/new/cache"] } } }\n',
        'within.yaml': 'services: { a: { build: { context: ., cache_from: ["type=local,src=cache,tag=a"] } } }\n',
        'sec.yaml': 'services: { a: { image: a, secrets: [s] } }\nsecrets: { s: { file: /etc/shadow } }\n',
      })
      const refused = async (file: string, words: string): Promise<void> => {
        const result = await ours(['-f', `${gitUrl}#main:${file}`, 'config'])
        expect([result.code, result.stdout]).toEqual([1, ''])
        expect(result.stderr).toContain(words)
      }
      await refused('link.yaml', 'it leads out of the tree it was fetched with')
      const files = ['env', 'base', 'inc', 'ctx', 'sec', 'linked', 'layout', 'cache', 'deep']
      for (const file of files) {
        await refused(`${file}.yaml`, 'it lies outside of the tree it was fetched with')
      }
      const within = await ours(['-f', `${gitUrl}#main:within.yaml`, 'config', '--format', 'json'])
      expect(within.code, within.stderr).toBe(0)
      expect(within.stdout).toMatch(/"type=local,src=\/[^"]*\/docker-compose\/[0-9a-f]{40}\/cache,tag=a"/)
    })

    it('can be switched off', async () => {
      for (const name of ['COMPOSE_EXPERIMENTAL_GIT_REMOTE', 'COMPOSE_EXPERIMENTAL']) {
        const result = await ours(['-f', gitUrl, 'config'], '', { [name]: '0' })
        expect([result.code, result.stderr.includes(`git remote resource is disabled by "${name}"`)]).toEqual([1, true])
      }
    })

    it('asks before up, and does nothing without a yes', async () => {
      await commit({
        'ask.yaml': `name: asked\n${composeFile}    environment: { X: "\${X:-1}" }\n`.replace('    env', '    # env'),
      })
      const reference = `${gitUrl}#main:ask.yaml`
      const no = await ours(['-f', reference, 'up', '-d'], 'n\n')
      expect(no.code).toBe(1)
      expect(no.stderr).toContain(`Your compose stack "${reference}" is stored in "`)
      expect(no.stderr).toContain('operation cancelled by user')
      expect(await host.containers('asked')).toEqual([])
      expect((await ours(['-f', reference, 'up', '-d'])).code).toBe(1)
      const yes = await ours(['-f', reference, 'up', '-d'], 'y\n')
      expect(yes.code, yes.stderr).toBe(0)
      expect((await host.containers('asked')).map((entry) => entry.state)).toEqual(['running'])
      expect((await ours(['-f', reference, 'up', '-d', '-y'])).code).toBe(0)
      expect((await ours(['-f', reference, 'down', '-t', '1'])).code).toBe(0)
    })
  })

  describe('from a registry', () => {
    const name = (tag: string): string => `${local}/stacks/shop:${tag}`

    async function push(
      tag: string,
      layers: readonly { type: string; text: string; notes: Record<string, string> }[],
      more: object = {},
    ): Promise<void> {
      const auth = Buffer.from(JSON.stringify({ username: 'ann', password: 'secret' })).toString('base64')
      const client = new RegistryClient(parseReference(name(tag)), {
        clock: systemClock,
        isInsecure: true,
        auth: async () => auth,
      })
      const descriptors = []
      for (const { type, text, notes } of layers) {
        const bytes = Buffer.from(text)
        descriptors.push({
          mediaType: type,
          digest: await client.putBlob(bytes),
          size: bytes.length,
          annotations: notes,
        })
      }
      await client.putBlob(Buffer.from('{}'))
      const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf(Buffer.from('{}')), size: 2 }
      const type = 'application/vnd.oci.image.manifest.v1+json'
      const manifest = {
        schemaVersion: 2,
        mediaType: type,
        artifactType: 'application/vnd.docker.compose.project',
        config,
        layers: descriptors,
        ...more,
      }
      await client.putManifest(tag, type, Buffer.from(JSON.stringify(manifest)))
    }

    it('what is published in either form is read back', async () => {
      await host.write('work', {
        'shop.yaml': `name: shop\nservices:\n  web:\n    image: ${sampleImage}\n    extends:\n      file: common.yaml\n      service: base\n    env_file:\n      - vars.env\n`,
        'shop.override.yaml': 'services: { web: { labels: { over: ride } } }\n',
        'common.yaml': 'services: { base: { labels: { from: common } } }\n',
        'vars.env': 'COLOUR=red\n',
      })
      const files = ['-f', 'shop.yaml', '-f', 'shop.override.yaml']
      for (const version of ['1.0', '1.1', '']) {
        const flags = version === '' ? [] : ['--oci-version', version]
        const result = await ours([...files, 'publish', '--with-env', ...flags, '-y', name(`o${version}`)])
        expect(result.code, result.stderr).toBe(0)
        expect(result.stderr).toContain('published')
      }
      const wanted = { web: { labels: { from: 'common', over: 'ride' }, environment: { COLOUR: 'red' } } }
      for (const tag of ['o1.0', 'o1.1', 'o']) {
        const result = await ours(['-f', `oci://${name(tag)}`, 'config', '--format', 'json'])
        expect(result.code, `${tag}: ${result.stderr}`).toBe(0)
        expect(services(result)).toMatchObject(wanted)
      }
    })

    it('runs from the registry after a yes', async () => {
      const reference = `oci://${name('run')}`
      expect((await ours(['publish', name('run')])).code).toBe(0)
      const up = await ours(['-p', 'fromoci', '-f', reference, 'up', '-d'], 'y\n')
      expect(up.code, up.stderr).toBe(0)
      expect((await host.containers('fromoci')).map((entry) => entry.state)).toEqual(['running'])
      expect((await ours(['-p', 'fromoci', 'down', '-t', '1'])).code).toBe(0)
    })

    it('pins images and carries them with --app', async () => {
      const docker = (...args: string[]): Promise<ExecResult> =>
        running!.hosts[0]!.docker(args, { env: { DOCKER_CONFIG: env['DOCKER_CONFIG'] ?? '' } })
      const image = `${registry}/images/sample:1`
      for (const args of [
        ['tag', sampleImage, image],
        ['push', '-q', image],
      ]) {
        const result = await docker(...args)
        expect(result.code, result.stderr).toBe(0)
      }
      await host.write('work', { 'app.yaml': `name: app\nservices: { web: { image: "${image}" } }\n` })
      const result = await ours(['-f', 'app.yaml', 'publish', '--app', '--resolve-image-digests', name('app')])
      expect(result.code, result.stderr).toBe(0)
      const read = await ours(['-f', `oci://${name('app')}`, 'config', '--format', 'json'])
      expect(read.code, read.stderr).toBe(0)
      const pinned = services(read)['web']?.image ?? ''
      expect(pinned).toMatch(new RegExp(`^${image}@sha256:[0-9a-f]{64}$`))
      const digest = pinned.slice(pinned.indexOf('@') + 1)
      const copied = await docker('pull', '-q', `${registry}/stacks/shop@${digest}`)
      expect(copied.code, copied.stderr).toBe(0)
      const config = await ours(['-f', 'app.yaml', 'config', '--resolve-image-digests', '--format', 'json'])
      expect(services(config)['web']?.image).toBe(pinned)
      const lock = await ours(['-f', 'app.yaml', 'config', '--lock-image-digests', '--format', 'json'])
      expect(services(lock)).toEqual({ web: expect.objectContaining({ image: pinned }) as unknown })
    })

    it('refuses to publish what must not be, and asks about what may be wrong', async () => {
      const publish = async (text: string, flags: readonly string[] = [], input = ''): Promise<RunResult> => {
        await host.write('work', { 'bad.yaml': text })
        return ours(['-f', 'bad.yaml', 'publish', ...flags, name('bad')], input)
      }
      const included = await publish('include: [compose.yaml]\n')
      expect([included.code, included.stderr]).toEqual([
        1,
        expect.stringContaining('cannot publish compose file with local includes') as unknown,
      ])
      const built = await publish('services: { a: { build: . } }\n')
      expect(built.stderr).toContain('cannot be published as it only contains a build section for service(s):\n- "a"')
      const withEnv = await publish('services: { a: { image: a, environment: { A: b } } }\n')
      expect(withEnv.stderr).toContain('service "a" has environment variable(s) declared.')
      const bind = 'services: { a: { image: a, volumes: ["/srv:/srv"] } }\n'
      const asked = await publish(bind, [], 'n\n')
      expect([asked.code, asked.stderr.includes('Are you ok to publish these bind mount declarations?')]).toEqual([
        1,
        true,
      ])
      expect((await publish(bind, [], 'y\n')).code).toBe(0)
      const secret = await publish(
        'services: { a: { image: a, environment: { DB_PASSWORD: hunter2 } } }\n',
        ['--with-env'],
        'y\nn\n',
      )
      expect(secret.code).toBe(1)
      expect(secret.stderr).not.toContain('hunter2')
      expect((await ours(['publish', '--oci-version', '9', name('bad')])).stderr).toContain(
        'invalid value for --oci-version',
      )
      const denied = await ours(['publish', name('denied')], '', { DOCKER_CONFIG: work })
      expect([denied.code, denied.stderr.includes(`access to ${local}/stacks/shop is denied`)]).toEqual([1, true])
    })

    it('refuses artifacts that name files outside their folder, before anything is written', async () => {
      const main = {
        type: 'application/vnd.docker.compose.file+yaml',
        text: 'services: { a: { image: a } }\n',
        notes: {},
      }
      const evil = '../../../../evil'
      for (const file of [evil, '/etc/evil', 'C:\\evil', 'a/b', '..', 'compose.yaml', 'nul\0', '']) {
        for (const kind of ['extends', 'envfile'] as const) {
          const notes: Record<string, string> =
            kind === 'extends'
              ? { 'com.docker.compose.extends': 'true', 'com.docker.compose.file': file }
              : { 'com.docker.compose.envfile': file }
          const type = kind === 'extends' ? main.type : 'application/vnd.docker.compose.envfile'
          await push('evil', [main, { type, text: 'x', notes }])
          const result = await ours(['-f', `oci://${name('evil')}`, 'config'])
          expect([result.code, result.stdout], file).toEqual([1, ''])
          expect(result.stderr).toContain('is no name of a file of its own')
        }
      }
      await push('other', [main], { artifactType: 'application/x-other' })
      expect((await ours(['-f', `oci://${name('other')}`, 'ps'])).stderr).toContain(
        'is not a compose project OCI artifact',
      )
      expect((await ours(['-f', `oci://${name('nosuch')}`, 'config'])).stderr).toContain('has no nosuch')
      expect(
        (await ours(['-f', `oci://${name('o')}`, 'config'], '', { COMPOSE_EXPERIMENTAL_OCI_REMOTE: 'false' })).stderr,
      ).toContain('OCI remote resource is disabled by "COMPOSE_EXPERIMENTAL_OCI_REMOTE"')
      expect((await readdir(host.folder)).includes('evil')).toBe(false)
    })
  })
})
