import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { ComposeHost, isRoot, openComposeHost, sampleImage } from './compose-host.ts'

/** Configs and secrets on real engines, reached over the network and by their socket. */

const file = `
services:
  web:
    image: ${sampleImage}
    command: ["sleep", "100000"]
    init: true
    stop_grace_period: 1s
    secrets:
      - plain
      - { source: word, uid: "1000", gid: "1001", mode: 0400, target: deep/er/word }
    configs:
      - { source: app, target: /etc/app/app.conf }
      - inline
secrets:
  plain: { file: ./plain.txt }
  word: { environment: WORD }
configs:
  app: { file: ./app.conf }
  inline: { content: "name=\${COMPOSE_PROJECT_NAME}" }
`

describe.runIf(isRoot).each(['20.10', '28.5'])('configs and secrets on engine %s (needs root on Linux)', (version) => {
  let running: Lab | undefined
  let host: ComposeHost

  beforeAll(async () => {
    running = await lab({ engines: [version], image: true, namePrefix: 'sec' })
    host = await openComposeHost(running.hosts[0]!, version === '20.10' ? 'executable' : 'node')
    await host.write('shop', {
      'compose.yaml': file,
      'plain.txt': 'plain-one',
      'app.conf': 'x=1',
      '.env': 'WORD=tok3n\n',
    })
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  async function run(...args: readonly string[]): Promise<string> {
    const result = await host.compose('shop', args)
    expect(result.code, result.stderr).toBe(0)
    return `${result.stdout}${result.stderr}`
  }

  async function inContainer(script: string): Promise<string> {
    const result = await running!.hosts[0]!.docker(['exec', 'shop-web-1', 'sh', '-c', script])
    expect(result.code, result.stderr).toBe(0)
    return result.stdout.trim()
  }

  async function id(): Promise<string> {
    const containers = await host.containers('shop')
    expect(containers).toHaveLength(1)
    return containers[0]!.id
  }

  const look = 'cat /run/secrets/plain /run/secrets/deep/er/word /etc/app/app.conf /inline'

  it('are in the container of an engine elsewhere, with owner and mode, and nowhere else', async () => {
    const said = await run('up', '-d')
    expect(await inContainer(look)).toBe('plain-onetok3nx=1name=shop')
    expect(await inContainer('stat -c "%u %g %a" /run/secrets/deep/er/word /run/secrets/plain /inline')).toBe(
      '1000 1001 400\n0 0 444\n0 0 444',
    )
    const seen = (await running!.hosts[0]!.docker(['inspect', 'shop-web-1'])).stdout
    const printed = `${seen}${said}${await run('up', '--plan')}${await run('ps', '--format', 'json')}`
    expect(printed).not.toMatch(/tok3n|plain-one/)
    expect(JSON.parse(seen)).toMatchObject([{ HostConfig: { Binds: null } }])
  })

  it('replace the container when their content changes, and only then', async () => {
    const first = await id()
    await run('up', '-d')
    expect(await id()).toBe(first)
    await host.write('shop', { 'plain.txt': 'plain-two' })
    expect(await run('up', '--plan')).toContain('content of secret plain changed')
    await run('up', '-d')
    expect(await id()).not.toBe(first)
    expect(await inContainer(look)).toBe('plain-twotok3nx=1name=shop')
    const second = await id()
    await host.write('shop', { '.env': 'WORD=other\n' })
    await run('up', '-d')
    expect(await id()).not.toBe(second)
    expect(await inContainer(look)).toBe('plain-twootherx=1name=shop')
    await run('stop', '-t', '1')
    await run('start')
    expect(await inContainer(look)).toBe('plain-twootherx=1name=shop')
    await run('down')
  })

  it('are mounted from the disk of an engine beside, where nothing is said of their owner', async () => {
    const env = { DOCKER_HOST: `unix://${running!.hosts[0]!.socketPath}` }
    // The engine beside has a disk of its own in the lab: the files are put there at the same path.
    const there = await running!.hosts[0]!.exec([
      'sh',
      '-c',
      `mkdir -p ${host.folder}/shop && cd ${host.folder}/shop && printf near >plain.txt && printf x=2 >app.conf`,
    ])
    expect(there.code, there.stderr).toBe(0)
    const near = new ComposeHost(host.engine, env, host.folder, host.form.name)
    const result = await near.compose('shop', ['up', '-d'])
    expect(result.code, result.stderr).toBe(0)
    const seen = JSON.parse((await running!.hosts[0]!.docker(['inspect', 'shop-web-1'])).stdout) as readonly {
      readonly HostConfig: { readonly Mounts: readonly { readonly Source: string; readonly Target: string }[] }
    }[]
    expect(seen[0]!.HostConfig.Mounts.map(({ Source, Target }) => `${Source} ${Target}`)).toEqual([
      `${host.folder}/shop/plain.txt /run/secrets/plain`,
      `${host.folder}/shop/app.conf /etc/app/app.conf`,
    ])
    expect(await inContainer(look)).toBe('nearotherx=2name=shop')
    expect((await near.compose('shop', ['down'])).code).toBe(0)
  })

  it('that cannot be had end it with a reason and nothing made', async () => {
    const refuse = async (text: string, message: string): Promise<void> => {
      await host.write('bad', { 'compose.yaml': text })
      const result = await host.compose('bad', ['up', '-d'])
      expect([result.code, result.stderr]).toEqual([1, expect.stringContaining(message)])
      expect([await host.containers('bad'), await host.resources('bad')]).toEqual([[], []])
    }
    const web = (extra: string): string => `services: { web: { image: "${sampleImage}", ${extra} } }\n`
    await refuse(
      `${web('secrets: [s]')}secrets: { s: { environment: NOT_THERE_AT_ALL } }`,
      'environment variable "NOT_THERE_AT_ALL" required by secret "bad_s" is not set',
    )
    await refuse(
      `${web('configs: [c], read_only: true')}configs: { c: { content: x } }`,
      'cannot create config "bad_c" in read-only service web: `file` is the sole supported option',
    )
    // docker-compose 2.40 refuses them in the same words, once it has made the container.
    for (const [kind, name] of [
      ['secret', 's'],
      ['config', 'c'],
    ] as const) {
      const text = `${web(`${kind}s: [${name}]`)}${kind}s: { ${name}: { external: true } }`
      await refuse(text, `unsupported external ${kind} ${name}`)
      const theirs = await host.reference('bad', ['up', '-d'])
      expect([theirs.code, theirs.stderr]).toEqual([1, expect.stringContaining(`unsupported external ${kind} ${name}`)])
      expect((await host.compose('bad', ['down', '-t', '0'])).code).toBe(0)
    }
    await refuse(
      `${web('secrets: [s]')}secrets: { s: { file: ./gone } }`,
      `secret "s": open ${host.folder}/bad/gone: no such file`,
    )
  })

  it('leave a folder alone that is where they are to be, and what a volume there holds', async () => {
    await host.write('onto', {
      'compose.yaml': `services: { web: { image: "${sampleImage}", volumes: ["data:/data"], configs: [{ source: c, target: /data }] } }
volumes: { data: {} }
configs: { c: { content: hello } }
`,
    })
    const inVolume = async (script: string): Promise<string> => {
      const mount = ['run', '--rm', '-v', 'onto_data:/data', sampleImage, 'sh', '-c', script]
      return (await running!.hosts[0]!.docker(mount)).stdout
    }
    const labels = ['--label', 'com.docker.compose.project=onto', '--label', 'com.docker.compose.volume=data']
    await running!.hosts[0]!.docker(['volume', 'create', ...labels, 'onto_data'])
    await inVolume('echo precious >/data/file')
    for (const result of [await host.compose('onto', ['up', '-d']), await host.reference('onto', ['up', '-d'])]) {
      expect([result.code, result.stderr]).toEqual([1, expect.stringContaining('cannot overwrite directory')])
      expect(await inVolume('cat /data/file')).toBe('precious\n')
    }
    expect((await host.compose('onto', ['down', '-v', '-t', '0'])).code).toBe(0)
  })

  it('of a swarm: a config is read from its manager', async () => {
    const engine = running!.hosts[0]!
    expect((await engine.docker(['swarm', 'init', '--advertise-addr', engine.ip])).code).toBe(0)
    expect((await engine.docker(['config', 'create', 'shared', '-'], { input: 'from the swarm' })).code).toBe(0)
    await host.write('ext', {
      'compose.yaml': `services: { web: { image: "${sampleImage}", command: [sleep, "1000"], init: true, configs: [shared] } }\nconfigs: { shared: { external: true } }`,
    })
    const result = await host.compose('ext', ['up', '-d'])
    expect(result.code, result.stderr).toBe(0)
    const read = await engine.docker(['exec', 'ext-web-1', 'cat', '/shared'])
    expect(read.stdout).toBe('from the swarm')
    expect((await host.compose('ext', ['down', '-t', '0'])).code).toBe(0)
    await engine.docker(['swarm', 'leave', '--force'])
  })
})
