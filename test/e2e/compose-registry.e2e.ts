import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { RegistryClient } from '../../src/engine/registry/client.ts'
import { parseReference } from '../../src/engine/registry/reference.ts'
import { systemClock } from '../../src/io/clock.ts'
import { startWebProxy } from '../../src/testing/web-proxy.ts'
import { readTrustedRoots } from '../../src/io/trusted-roots.ts'
import { ComposeHost, isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import { ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

/**
 * Real registries that want a password: pulls with what the docker CLI keeps of it, and projects that one of the two
 * programs, ours and docker-compose 2.40, has put into one and the other reads.
 */

/** `ann` with the password `secret`. */
const users = 'ann:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n'
const password = 'secret'

describe.runIf(isRoot)('registries (needs root on Linux)', () => {
  let running: Lab | undefined
  let host: ComposeHost
  let image = ''
  let address = ''

  beforeAll(async () => {
    ensurePrograms()
    running = await lab({ image: true, namePrefix: 'reg' })
    address = (await running.registry(users)).address
    host = await openComposeHost(running.hosts[0]!)
    image = `${address}/private/web:1`
    const docker = (...args: string[]) => running!.hosts[0]!.docker(args)
    for (const args of [
      ['tag', sampleImage, image],
      ['login', '-u', 'ann', '-p', password, address],
      ['push', '-q', image],
      ['logout', address],
      ['rmi', image],
    ]) {
      const result = await docker(...args)
      expect(result.code, result.stderr).toBe(0)
    }
    await host.write('pull', { 'compose.yaml': `services: { web: { image: "${image}" } }\n` })
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  async function up(config: object, helper?: string): Promise<{ code: number | null; output: string }> {
    const folder = join(host.folder, 'docker-config')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    if (helper !== undefined) {
      await writeFile(join(folder, 'docker-credential-test'), `#!/bin/sh\n${helper}\n`, { mode: 0o755 })
    }
    const env = { ...host.env, DOCKER_CONFIG: folder, PATH: `${folder}:${process.env['PATH']}` }
    const own = new ComposeHost(host.engine, env, host.folder)
    const result = await own.compose('pull', ['up', '-d'])
    const ended = { code: result.code, output: result.stdout + result.stderr }
    await own.compose('pull', ['down', '-t', '1', '--rmi', 'all'])
    return ended
  }

  it('works with auths and with a helper, and prints no password', async () => {
    const auth = Buffer.from(`ann:${password}`).toString('base64')
    const stored = await up({ auths: { [address]: { auth } } })
    expect([stored.code, stored.output]).toEqual([0, expect.stringContaining('web Pulled')])
    const helped = await up(
      { credHelpers: { [address]: 'test' } },
      `echo '{"ServerURL":"x","Username":"ann","Secret":"${password}"}'`,
    )
    expect([helped.code, helped.output]).toEqual([0, expect.stringContaining('web Pulled')])
    expect(stored.output + helped.output).not.toMatch(new RegExp(`${password}|${auth}`))
  })

  it('without credentials, with wrong ones and with a broken helper fails and says why', async () => {
    expect(await up({})).toMatchObject({ code: 1, output: expect.stringContaining('no basic auth credentials') })
    const wrong = Buffer.from('ann:wrong-password').toString('base64')
    const refused = await up({ auths: { [address]: { auth: wrong } } })
    expect([refused.code, refused.output]).toEqual([1, expect.stringMatching(/unauthorized|authentication/)])
    expect(refused.output).not.toContain('wrong-password')
    const broken = await up({ credsStore: 'test' }, 'echo the store is locked; exit 1')
    expect([broken.code, broken.output]).toEqual([
      1,
      expect.stringMatching(/"docker-credential-test".*the store is locked/),
    ])
    const half = await up({ credsStore: 'test' }, `echo '{"Username":"ann","Secret":"${password}'`)
    expect([half.code, half.output]).toEqual([1, expect.stringContaining('"docker-credential-test"')])
    expect(half.output).not.toContain(password)
  })

  describe('projects in a registry with TLS, beside docker-compose 2.40', () => {
    let secure = ''
    /** Each program has a cache of its own: what one has fetched must not serve the other. */
    let programs: Readonly<Record<'ours' | 'theirs', ComposeHost>>

    beforeAll(async () => {
      secure = (await running!.registry(users, { hasTls: true })).address
      const auth = Buffer.from(`ann:${password}`).toString('base64')
      await host.write('login', { 'config.json': JSON.stringify({ auths: { [secure]: { auth } } }) })
      const withCache = (name: string): ComposeHost => {
        const env = {
          ...host.env,
          DOCKER_CONFIG: join(host.folder, 'login'),
          SSL_CERT_FILE: join(running!.certificates.directory, 'ca.pem'),
          XDG_CACHE_HOME: join(host.folder, `cache-${name}`),
        }
        return new ComposeHost(host.engine, env, host.folder)
      }
      programs = { ours: withCache('ours'), theirs: withCache('theirs') }
    })

    const names = ['ours', 'theirs'] as const

    function run(program: 'ours' | 'theirs', args: readonly string[], project = 'stack'): Promise<RunResult> {
      return program === 'ours' ? programs.ours.compose(project, args) : programs.theirs.reference(project, args)
    }

    async function read(program: 'ours' | 'theirs', args: readonly string[]): Promise<unknown> {
      const result = await run(program, [...args, 'config', '--format', 'json'])
      expect(result.code, `${program} ${args.join(' ')}: ${result.stderr}`).toBe(0)
      return JSON.parse(result.stdout)
    }

    async function publish(program: 'ours' | 'theirs', args: readonly string[]): Promise<void> {
      const result = await run(program, args)
      expect(result.code, `${program} ${args.join(' ')}: ${result.stderr}`).toBe(0)
    }

    /** The lab's registry as the test looks at it. */
    function open(name: string): RegistryClient {
      const auth = Buffer.from(JSON.stringify({ username: 'ann', password })).toString('base64')
      const env = { SSL_CERT_FILE: join(running!.certificates.directory, 'ca.pem') }
      const options = { clock: systemClock, auth: async () => auth, roots: () => readTrustedRoots(env) }
      return new RegistryClient(parseReference(name), options)
    }

    it.each(['1.0', '1.1', ''])('what one publishes in form "%s" both read, and read the same', async (version) => {
      await host.write('stack', {
        'compose.yaml': `name: stack
x-common: &common { restart: always, logging: { driver: json-file, options: { max-size: "1m" } } }
services:
  web:
    image: ${sampleImage}
    # In block form, and each on a line of its own: 2.40 replaces lines.
    extends:
      file: common.yaml
      service: base
    env_file:
      - vars.env
    command: ["/bin/serve"]
    ports: ["8080:80", { target: 443, published: "8443", mode: host }]
    depends_on: { db: { condition: service_started } }
    deploy: { resources: { limits: { memory: 64M } } }
  db:
    # 2.40 cannot publish a service that has such a key and extends another one.
    <<: *common
    image: ${sampleImage}
    profiles: [store]
    volumes: ["data:/data", { type: tmpfs, target: /tmp }]
networks: { default: { driver: bridge, labels: { a: b } } }
volumes: { data: { driver: local } }
`,
        'override.yaml': 'services: { web: { labels: { over: ride }, ports: !override ["9090:80"] } }\n',
        'common.yaml':
          'services:\n  base:\n    extends:\n      file: deep.yaml\n      service: deeper\n    labels: { from: common }\n',
        'deep.yaml': 'services: { deeper: { hostname: deep, cap_add: [NET_ADMIN] } }\n',
        'vars.env': 'COLOUR=red\nQUOTED="two words"\n',
      })
      const files = ['-f', 'compose.yaml', '-f', 'override.yaml', '--profile', '*']
      const local = await read('theirs', files)
      expect(await read('ours', files)).toEqual(local)
      const flags = version === '' ? [] : ['--oci-version', version]
      for (const writer of names) {
        const name = `${secure}/stacks/${writer}:v${version}`
        await publish(writer, [...files, 'publish', '--with-env', ...flags, '-y', name])
        for (const reader of names) {
          const remote = ['--profile', '*', '-f', `oci://${name}`]
          expect(await read(reader, remote), `${writer} to ${reader}`).toEqual(local)
        }
      }
    })

    it('what one starts from a registry the other finds as it should be', async () => {
      const compose = `name: both\nservices: { web: { image: ${sampleImage}, command: ["/bin/idle"] } }\n`
      await host.write('stack', { 'up.yaml': compose })
      for (const [writer, starter, other] of [
        ['ours', 'theirs', 'ours'],
        ['theirs', 'ours', 'theirs'],
      ] as const) {
        const name = `${secure}/stacks/up:${writer}`
        await publish(writer, ['-f', 'up.yaml', 'publish', '-y', name])
        await publish(starter, ['-f', `oci://${name}`, 'up', '-d', '-y'])
        const before = await host.containers('both')
        expect(before.map(({ state }) => state)).toEqual(['running'])
        await publish(other, ['-f', `oci://${name}`, 'up', '-d', '-y'])
        expect((await host.containers('both')).map(({ id }) => id)).toEqual(before.map(({ id }) => id))
        await publish(other, ['-p', 'both', 'down', '-t', '1'])
        expect(await host.containers('both')).toEqual([])
      }
    })

    it('reach it through the proxy that the environment names, and past it where NO_PROXY says so', async () => {
      await host.write('stack', { 'proxied.yaml': `services: { web: { image: ${sampleImage} } }\n` })
      const proxy = await startWebProxy({ login: `ann:${password}` })
      try {
        const way = new URL(proxy.url)
        way.username = 'ann'
        way.password = password
        const tunnel = `CONNECT ${secure}`
        for (const name of names) {
          const { engine, env, folder } = programs[name]
          const call = async (args: readonly string[], more: Readonly<Record<string, string>>): Promise<RunResult> => {
            const own = new ComposeHost(engine, { ...env, HTTPS_PROXY: way.href, ...more }, folder)
            return name === 'ours' ? own.compose('stack', args) : own.reference('stack', args)
          }
          const publishIt = ['-f', 'proxied.yaml', 'publish', '-y', `${secure}/stacks/proxied:${name}`]
          proxy.asked.length = 0
          const through = await call(publishIt, {})
          expect([through.code, new Set(proxy.asked)], name + through.stderr).toEqual([0, new Set([tunnel])])
          proxy.asked.length = 0
          const past = await call(publishIt, { NO_PROXY: `other.test,${running!.subnet}` })
          expect([past.code, proxy.asked], name + past.stderr).toEqual([0, []])
          const stranger = await call(publishIt, { HTTPS_PROXY: proxy.url.href })
          expect([stranger.code, proxy.asked.at(-1)], name).toEqual([1, tunnel])
          expect(stranger.stderr).toMatch(name === 'ours' ? / answered 407\n/ : /Proxy Authentication Required/)
        }
      } finally {
        await proxy.close()
      }
    })

    it('both pin images, carry them along with --app and push what is built', async () => {
      const docker = (...args: string[]) =>
        running!.hosts[0]!.docker(args, { env: { DOCKER_CONFIG: join(host.folder, 'login') } })
      const pulled = `${secure}/images/sample:1`
      for (const args of [
        ['tag', sampleImage, pulled],
        ['push', '-q', pulled],
        ['tag', sampleImage, `${secure}/ours/built:1`],
        ['tag', sampleImage, `${secure}/theirs/built:1`],
      ]) {
        const result = await docker(...args)
        expect(result.code, result.stderr).toBe(0)
      }
      const { digest } = await open(pulled).manifest('1')
      for (const writer of names) {
        await host.write('stack', {
          'app.yaml': `name: app\nservices:\n  web: { image: "${pulled}" }\n  made: { image: "${secure}/${writer}/built:1", build: . }\n`,
        })
        const name = `${secure}/apps/${writer}:1`
        await publish(writer, ['-f', 'app.yaml', 'publish', '--app', '-y', name])
        expect((await open(`${secure}/${writer}/built`).manifest('1')).digest).toBe(digest)
        expect((await open(name).manifest(digest)).digest).toBe(digest)
        const images = {
          web: { image: `${pulled}@${digest}` },
          made: { image: `${secure}/${writer}/built:1@${digest}` },
        }
        for (const reader of names) {
          expect(await read(reader, ['-f', `oci://${name}`]), `${writer} to ${reader}`).toMatchObject({
            services: images,
          })
        }
      }
    })

    it.each(programForms)('a certificate is refused unless somebody vouches for it ($name)', async (form) => {
      const name = `${secure}/stacks/${form.name}:1`
      await host.write('stack', { 'up.yaml': `services: { web: { image: ${sampleImage} } }\n` })
      const compose = (args: readonly string[], certificates: string): Promise<RunResult> =>
        form.run('docker-compose', args, {
          cwd: join(host.folder, 'stack'),
          env: { ...programs.ours.env, SSL_CERT_FILE: certificates },
        })
      const refused = await compose(['-f', 'up.yaml', 'publish', name], '')
      expect(refused.code).toBe(1)
      expect(refused.stderr).toMatch(/cannot reach https:.*(?:certificate|self.signed)/i)
      expect(refused.stderr).toContain('SSL_CERT_FILE=ca.pem')
      const authority = programs.ours.env['SSL_CERT_FILE'] ?? ''
      const published = await compose(['-f', 'up.yaml', 'publish', name], authority)
      expect(published.code, published.stderr).toBe(0)
      const images = await compose(['-f', `oci://${name}`, 'config', '--images'], authority)
      expect(images).toMatchObject({ code: 0, stdout: `${sampleImage}\n` })
    })
  })
})
