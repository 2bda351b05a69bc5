import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inspectContainer } from '../../src/engine/api/containers.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { ComposeHost } from './compose-host.ts'
import { ensurePrograms } from './programs.ts'

/** `exec`, `run` and `attach` on real engines, on pipes and on terminals, beside docker-compose 2.40. */

const file = `
services:
  web:
    image: ${sampleImage}
    command: ["/bin/idle"]
    depends_on: { db: { condition: service_healthy } }
    environment: { FROM: file, BOTH: file }
    ports: ["127.0.0.1:18281:80"]
    networks: { default: { aliases: [www] } }
    volumes: ["data:/data"]
    labels: { role: front }
    restart: always
    stop_grace_period: 1s
  db:
    image: ${sampleImage}
    command: ["/bin/idle"]
    healthcheck: { test: ["CMD", "true"], interval: 1s, timeout: 5s, retries: 10 }
    stop_grace_period: 1s
  plain: { image: ${sampleImage}, command: ["/bin/idle"], network_mode: none, stop_grace_period: 1s }
  shell: { image: ${sampleImage}, command: ["sh"], tty: true, stdin_open: true, network_mode: none, stop_grace_period: 1s }
volumes: { data: {} }
`

describe.runIf(isRoot).each([
  ['20.10', 'node'],
  ['28.5', 'executable'],
] as const)('processes on engine %s, of the program as %s (needs root on Linux)', (version, form) => {
  /** Words and codes do not depend on the engine: they are compared on one, as each comparison runs two programs. */
  const compared = <T>(rows: readonly T[]): readonly T[] => (version === '20.10' ? rows : [])
  let running: Lab | undefined
  let host: ComposeHost

  beforeAll(async () => {
    ensurePrograms()
    running = await lab({ engines: [version], image: true, namePrefix: 'run' })
    host = await openComposeHost(running.hosts[0]!, form)
    await host.write('shop', { 'compose.yaml': file })
    const up = await host.compose('shop', ['up', '-d', 'plain', 'shell'])
    expect(up.code, up.stderr).toBe(0)
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  describe('exec', () => {
    it.each(
      compared([
        [['exec', '-T', 'plain', 'sh', '-c', 'cat; echo oops >&2; exit 7'], 'fed\n'],
        [['exec', 'plain', 'echo', 'hi'], ''],
        [['exec', '-e', 'A=1', '-e', 'HOME', '-e', 'NOT_SET', 'plain', 'sh', '-c', 'echo $A-$HOME-$NOT_SET'], ''],
        [['exec', '-w', '/tmp', '-u', '1:1', 'plain', 'sh', '-c', 'pwd; id -u'], ''],
        [['exec', '-it', 'plain', 'tty'], ''],
        [['exec', '-d', 'plain', 'true'], ''],
        [['exec', '-e', '', 'plain', 'true'], ''],
        [['exec', '-d', '-e', 'A=1', '-e', '=x', 'plain', 'true'], ''],
        [['exec', '--index', '1', 'plain', 'true'], ''],
        [['exec', '--index', '3', 'plain', 'true'], ''],
        [['exec', 'nope', 'true'], ''],
        [['exec', 'plain'], ''],
        [['--dry-run', 'exec', 'plain', 'true'], ''],
        [['-p', 'shop', 'exec', '-T', 'plain', 'echo', 'by name'], ''],
      ]),
    )('%j does as the reference program', async (args, input) => {
      const [own, other] = [await host.compose('shop', args, input), await host.reference('shop', args, input)]
      expect({ code: own.code, stdout: own.stdout, stderr: own.stderr }).toEqual({
        code: other.code,
        stdout: other.stdout.replaceAll(host.folder, process.env['HOME'] ?? ''),
        stderr: other.stderr,
      })
    })

    it('a command that is not there fails as it does for the reference program', async () => {
      const args = ['exec', '-T', 'plain', 'nosuch']
      const [own, other] = [await host.compose('shop', args), await host.reference('shop', args)]
      expect(own.code).toBe(other.code)
      expect(own.stdout + own.stderr).toContain('nosuch')
    })

    it('passes more than fits into buffers, both ways', async () => {
      const text = 'x'.repeat(99).concat('\n').repeat(50_000)
      const result = await host.compose('shop', ['exec', '-T', 'plain', 'cat'], text)
      expect(result.code, result.stderr).toBe(0)
      expect(result.stdout === text).toBe(true)
    })

    it('waits for a process that has closed its output', async () => {
      const script = 'exec >/dev/null 2>&1; sleep 1; exit 3'
      expect((await host.compose('shop', ['exec', '-T', 'plain', 'sh', '-c', script])).code).toBe(3)
    })

    it('gives a terminal of our size, follows it, and ends with the code of the command', async () => {
      const session = host.terminal('shop', ['exec', 'plain', 'sh'])
      try {
        const showsSize = async (size: RegExp): Promise<boolean> => {
          session.type('stty size\r')
          return session.shows(size, 500)
        }
        session.type('tty; stty size; echo one-$((1+1))\r')
        expect(await session.shows(/one-2/), session.screen).toBe(true)
        expect(session.screen).toMatch(/\/dev\/pts\/\d+/)
        // Engine 20.10 is told the size only once the process runs.
        if (version === '20.10') await expect.poll(() => showsSize(/30 100/), { timeout: 20_000 }).toBe(true)
        expect(session.screen).toMatch(/30 100/)
        session.resize(41, 123)
        await expect.poll(() => showsSize(/41 123/), { timeout: 20_000 }).toBe(true)
        session.type('exit 5\r')
        expect(await session.ended()).toBe(5)
      } finally {
        session.close()
      }
    })

    it('hands Ctrl-C to the command', async () => {
      const script = 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done'
      const session = host.terminal('shop', ['exec', 'plain', 'sh', '-c', script])
      try {
        expect(await session.shows(/ready/), session.screen).toBe(true)
        session.type('\u0003')
        expect(await session.ended()).toBe(9)
        expect(session.screen).toContain('caught')
      } finally {
        session.close()
      }
    })

    it('leaves the command running on the detach keys', async () => {
      const session = host.terminal('shop', ['exec', 'plain', 'sh', '-c', 'echo ready; exec sleep 4321'])
      try {
        expect(await session.shows(/ready/), session.screen).toBe(true)
        session.type('\u0010\u0011')
        expect(await session.ended()).toBe(1)
        expect(session.screen).toContain('read escape sequence')
        const top = await host.compose('shop', ['top', 'plain'])
        expect(top.stdout).toContain('sleep 4321')
      } finally {
        session.close()
      }
    })

    it('ends with 130 on an interrupt where there is no terminal', async () => {
      const child = host.start('shop', ['exec', '-T', 'plain', 'sh', '-c', 'echo ready; sleep 100'])
      const code = new Promise<number | null>((resolve) => child.once('exit', resolve))
      await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
      child.kill('SIGINT')
      expect(await code).toBe(130)
    })
  })

  describe('run', () => {
    it('starts what the service depends on, waits for its health, and ends with the code of the command', async () => {
      const result = await host.compose(
        'shop',
        ['run', '--rm', '-T', 'web', 'sh', '-c', 'cat; echo oops >&2; exit 5'],
        'fed',
      )
      expect(result).toMatchObject({ code: 5, stdout: 'fed' })
      expect(result.stderr).toContain('oops')
      const seen = await host.containers('shop')
      expect(seen.map((entry) => entry.name)).toEqual(['shop-db-1', 'shop-plain-1', 'shop-shell-1'])
      expect(seen[0]?.status).toContain('healthy')
    })

    it('makes the container that the reference program makes', async () => {
      const describeIt = async (name: string): Promise<unknown> => {
        const { Config: config, HostConfig: own, NetworkSettings: net } = await inspectContainer(host.engine, name)
        const { 'com.docker.compose.slug': slug, ...labels } = config.Labels ?? {}
        // No list and an empty one are the same to an engine.
        const { ConsoleSize: _size, ExtraHosts: _hosts, ...given } = own as unknown as Record<string, unknown>
        // Lists of mounts say the same in any order, and that of 2.40 comes out of a map.
        const rest = { ...given, Binds: [...(own.Binds ?? [])].sort() }
        const networks = Object.entries(net.Networks ?? {}).map(([key, endpoint]) => [
          key,
          (endpoint.Aliases ?? []).filter((alias) => !/^[0-9a-f]{12}$/.test(alias)),
        ])
        const { Hostname: _host, ...shown } = config
        return { ...shown, Labels: labels, slug: slug?.length, Env: [...(config.Env ?? [])].sort(), rest, networks }
      }
      const flags = [
        '-d',
        '--name',
        'once',
        '-e',
        'BOTH=line',
        '-l',
        'x=y',
        '-u',
        '0',
        '-w',
        '/tmp',
        '--cap-add',
        'CAP_SYS_TIME',
        '-v',
        '/tmp:/host:ro',
        '-p',
        '127.0.0.1:18299:81',
      ]
      const args = ['run', ...flags, 'web', 'sleep', '300']
      const own = await host.compose('shop', args)
      expect(own).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/) })
      const ours = await describeIt('once')
      await running!.hosts[0]!.docker(['rm', '-f', 'once'])
      const other = await host.reference('shop', args)
      expect(other.code, other.stderr).toBe(0)
      const theirs = await describeIt('once')
      await running!.hosts[0]!.docker(['rm', '-f', 'once'])
      expect(ours).toEqual(theirs)
    })

    it('names containers, publishes ports and gives aliases as asked', async () => {
      await writeFile(join(host.folder, 'shop', 'more.env'), 'FILE=one\nBOTH=two\n')
      const flags = [
        '-d',
        '-P',
        '--use-aliases',
        '--env-from-file',
        'more.env',
        '-e',
        'FROM_HERE',
        '--entrypoint',
        'sh -c',
      ]
      const made = await host.compose('shop', ['run', ...flags, 'web', 'env; exec sleep 300'])
      expect(made.code, made.stderr).toBe(0)
      const id = made.stdout.trim()
      const {
        Name: name,
        Config: config,
        HostConfig: own,
        NetworkSettings: net,
      } = await inspectContainer(host.engine, id)
      expect(name).toMatch(/^\/shop-web-run-[0-9a-f]{12}$/)
      expect(config.Labels).toMatchObject({ 'com.docker.compose.oneoff': 'True', role: 'front' })
      expect(config.Labels?.['com.docker.compose.slug']?.startsWith(name.slice(-12))).toBe(true)
      expect(config.Labels).not.toHaveProperty('com.docker.compose.container-number')
      expect(config.Env).toEqual(expect.arrayContaining(['FROM=file', 'FILE=one', 'BOTH=two']))
      expect(config).toMatchObject({ Entrypoint: ['sh', '-c'], Cmd: ['env; exec sleep 300'] })
      expect(own.PortBindings).toMatchObject({ '80/tcp': [{ HostPort: '18281' }] })
      expect(own.RestartPolicy?.Name ?? '').toMatch(/^(?:no)?$/)
      expect(Object.values(net.Networks ?? {})[0]?.Aliases).toEqual(expect.arrayContaining(['web', 'www']))
      await running!.hosts[0]!.docker(['rm', '-f', id])
    })

    it('hands signals on to the container', async () => {
      const script = 'trap "echo got; exit 8" TERM; trap "echo hup" HUP; echo ready; while :; do sleep 0.1; done'
      const child = host.start('shop', ['run', '--rm', '-T', '--no-deps', 'plain', 'sh', '-c', script])
      let text = ''
      child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      const code = new Promise<number | null>((resolve) => child.once('exit', resolve))
      await host.eventually(() => Promise.resolve(text.includes('ready')))
      child.kill('SIGHUP')
      await host.eventually(() => Promise.resolve(text.includes('hup')))
      child.kill('SIGTERM')
      expect(await code).toBe(8)
      expect(text).toContain('got')
    })

    it('does not wait for a container that ignores what it was asked for three times', async () => {
      const script = 'trap "" INT; echo ready; while :; do sleep 0.1; done'
      const child = host.start('shop', ['run', '--name', 'deaf', '-T', 'plain', 'sh', '-c', script])
      const code = new Promise<number | null>((resolve) => child.once('exit', resolve))
      await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
      const nagging = setInterval(() => child.kill('SIGINT'), 300)
      try {
        expect(await code).toBe(130)
      } finally {
        clearInterval(nagging)
        child.kill('SIGKILL')
        await running!.hosts[0]!.docker(['rm', '-f', 'deaf'])
      }
    })

    it('has a terminal where we have one; what is left by the detach keys can be attached to', async () => {
      const session = host.terminal('shop', ['run', '--name', 'left', 'shell'])
      try {
        session.type('tty; stty size; echo one-$((1+1))\r')
        expect(await session.shows(/one-2/), session.screen).toBe(true)
        expect(session.screen).toMatch(/\/dev\/pts\/\d+/)
        await expect
          .poll(
            async () => {
              session.type('stty size\r')
              return session.shows(/30 100/, 500)
            },
            { timeout: 20_000 },
          )
          .toBe(true)
        session.type('\u0010\u0011')
        expect(await session.ended(), session.screen).toBe(0)
        expect((await inspectContainer(host.engine, 'left')).State.Running).toBe(true)
      } finally {
        session.close()
        await running!.hosts[0]!.docker(['rm', '-f', 'left'])
      }
    })

    it.each(
      compared([
        [['run']],
        [['run', 'nope']],
        [['run', '-P', '-p', '81:80', 'plain']],
        [['run', '-t', '-T', 'plain']],
        [['run', '-l', 'bad', 'plain', 'true']],
        [['run', '--pull', 'bad', 'plain', 'true']],
        [['run', '--env-from-file', '/nope', 'plain', 'true']],
        [['--dry-run', 'run', 'plain', 'true']],
        [['run', '--rm', '--entrypoint', 'echo a b', 'plain']],
        [['run', '--rm', '-q', '-e', 'A=b', 'plain', 'sh', '-c', 'echo $A']],
        [['run', '--rm', '-T', '--no-deps', '-e', 'FROM', '-e', '', 'web', 'sh', '-c', 'echo $FROM']],
        [['run', '--rm', 'plain', 'sh', '-c', 'exit 42']],
        [['run', '--rm', 'plain', 'sh', '-c', 'kill -9 $$']],
      ]),
    )('%j ends as the reference program does', async (args) => {
      const [own, other] = [await host.compose('shop', args), await host.reference('shop', args)]
      expect({ code: own.code, stdout: own.stdout }).toEqual({ code: other.code, stdout: other.stdout })
      if (other.code === 1) expect(own.stderr).toContain(other.stderr.trim().split('\n').at(-1))
    })

    it('changes nothing in a dry run', async () => {
      const changes = await host.changesDuring(async () => {
        const result = await host.compose('shop', ['--dry-run', 'run', '-d', 'web', 'true'])
        expect(result).toMatchObject({ code: 0, stdout: expect.stringMatching(/^shop-web-run-[0-9a-f]{12}\n$/) })
      })
      expect(changes).toEqual([])
    })
  })

  describe('attach', () => {
    it('joins a shell, is left by keys of our own choice, and ends with its code', async () => {
      const first = host.terminal('shop', ['attach', '--detach-keys', 'ctrl-x,x', 'shell'])
      try {
        first.type('echo one-$((1+1))\r')
        expect(await first.shows(/one-2/), first.screen).toBe(true)
        first.type('\u0018x')
        expect(await first.ended(), first.screen).toBe(1)
        expect(first.screen).toContain('read escape sequence')
      } finally {
        first.close()
      }
      const second = host.terminal('shop', ['attach', 'shell'])
      try {
        second.type('echo two-$((1+1))\r')
        expect(await second.shows(/two-2/), second.screen).toBe(true)
        second.type('exit 6\r')
        expect(await second.ended(), second.screen).toBe(6)
      } finally {
        second.close()
      }
    })

    it('hands signals on unless told not to, and shows output without input', async () => {
      const script = 'trap "echo got; exit 4" TERM; while :; do echo tick; sleep 0.1; done'
      const made = await host.compose('shop', ['run', '-d', '-T', '--name', 'ticker', 'plain', 'sh', '-c', script])
      expect(made.code, made.stderr).toBe(0)
      await running!.hosts[0]!.docker(['stop', '-t', '1', 'shop-plain-1'])
      await running!.hosts[0]!.docker(['rm', 'shop-plain-1'])
      const child = host.start('shop', ['attach', '--no-stdin', 'plain'])
      try {
        let text = ''
        child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece))
        const code = new Promise<number | null>((resolve) => child.once('exit', resolve))
        await host.eventually(() => Promise.resolve(text.includes('tick')))
        child.kill('SIGTERM')
        expect(await code).toBe(130)
        expect((await inspectContainer(host.engine, 'ticker')).State).toMatchObject({ Running: false, ExitCode: 4 })
      } finally {
        child.kill('SIGKILL')
        await running!.hosts[0]!.docker(['rm', '-f', 'ticker'])
      }
    })

    it.each(
      compared([
        [['attach']],
        [['attach', 'nope']],
        [['attach', '--index', '2', 'shell']],
        [['--dry-run', 'attach', 'db']],
      ]),
    )('%j is refused in the words of the reference program', async (args) => {
      const [own, other] = [await host.compose('shop', args), await host.reference('shop', args)]
      expect(own).toEqual(other)
    })
  })
})
