import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listVolumes } from '../../src/engine/api/volumes.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { ComposeHost } from './compose-host.ts'
import { ensurePrograms, programForms } from './programs.ts'

/** Attached `up`: output, Ctrl-C once and twice, ends that end all. */

const ticking = `trap 'echo leaving; exit 0' TERM; while true; do echo tick; echo tock >&2; sleep 0.2 & wait $$!; done`
const stubborn = `trap '' TERM; echo staying; while true; do sleep 0.2; done`

interface Attached {
  readonly child: ChildProcess
  stdout(): string
  stderr(): string
  readonly code: Promise<number | null>
}

describe.runIf(isRoot)('attached up (needs root on Linux)', () => {
  let running: Lab | undefined
  let host: ComposeHost

  beforeAll(async () => {
    ensurePrograms()
    running = await lab({ engines: ['28.5'], image: true, namePrefix: 'att' })
    host = await openComposeHost(running.hosts[0]!, 'node')
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  function attach(project: string, args: readonly string[]): Attached {
    const child = host.start(project, args)
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    const code = new Promise<number | null>((resolve) => child.on('close', resolve))
    return { child, stdout: () => stdout, stderr: () => stderr, code }
  }

  async function states(project: string): Promise<readonly string[]> {
    return (await host.containers(project)).map((entry) => `${entry.name} ${entry.state}`)
  }

  async function lockVolumes(project: string): Promise<readonly string[]> {
    const { Volumes: volumes } = await listVolumes(host.engine)
    return (volumes ?? []).map(({ Name }) => Name).filter((name) => name.startsWith(`flotilla-lock_${project}_`))
  }

  it('shows output with names, and the first Ctrl-C stops gracefully with code 130', async () => {
    await host.write('tick', {
      'compose.yaml': `services:\n  web:\n    image: ${sampleImage}\n    command: ["sh", "-c", "${ticking}"]\n`,
    })
    const up = attach('tick', ['up'])
    expect(await host.eventually(async () => up.stdout().includes('web-1  | tick'))).toBe(true)
    expect(up.stdout()).toMatch(/^Attaching to web-1\n/)
    expect(await host.eventually(async () => up.stderr().includes('web-1  | tock'))).toBe(true)
    up.child.kill('SIGINT')
    expect(await up.code).toBe(130)
    expect(up.stdout()).toContain('Gracefully Stopping... press Ctrl+C again to force\n')
    expect(up.stdout()).toContain('web-1  | leaving\nweb-1 exited with code 0\n')
    expect(await states('tick')).toEqual(['tick-web-1 exited'])
    await host.compose('tick', ['down', '-t', '1'])
  })

  it('the second Ctrl-C kills what will not stop', async () => {
    await host.write('stay', {
      'compose.yaml': `services:\n  web:\n    image: ${sampleImage}\n    command: ["sh", "-c", "${stubborn}"]\n    stop_grace_period: 5m\n`,
    })
    const up = attach('stay', ['up', '--no-log-prefix'])
    expect(await host.eventually(async () => up.stdout().includes('\nstaying\n'))).toBe(true)
    up.child.kill('SIGINT')
    expect(await host.eventually(async () => up.stderr().includes('Container stay-web-1  Stopping'))).toBe(true)
    up.child.kill('SIGINT')
    expect(await up.code).toBe(130)
    expect(await states('stay')).toEqual(['stay-web-1 exited'])
    await host.compose('stay', ['down', '-t', '1'])
  })

  it('Ctrl-C while containers are being made stops the rest and leaves none running', async () => {
    const services = Array.from({ length: 12 }, (_, index) => `  s${index}: { image: ${sampleImage} }\n`).join('')
    await host.write('early', { 'compose.yaml': `services:\n${services}` })
    const up = attach('early', ['--parallel', '1', 'up'])
    expect(await host.eventually(async () => up.stderr().includes('Created'))).toBe(true)
    up.child.kill('SIGINT')
    expect(await up.code).toBe(130)
    expect((await states('early')).filter((state) => state.endsWith('running'))).toEqual([])
    await host.compose('early', ['down', '-t', '1'])
  })

  it('a reader that goes away ends it with 141, and leaves what runs running and the project unlocked', async () => {
    const slow = 'healthcheck: { test: ["CMD", "false"], interval: 1h, start_period: 1h }'
    await host.write('unread', {
      'compose.yaml': `services:
  db: { image: ${sampleImage}, command: ["sh", "-c", "${ticking}"], ${slow} }
  web: { image: ${sampleImage}, depends_on: { db: { condition: service_healthy } } }
`,
    })
    const up = attach('unread', ['up'])
    expect(await host.eventually(async () => up.stdout().includes('db-1   | tick'))).toBe(true)
    expect(await lockVolumes('unread')).toHaveLength(1)
    up.child.stdout?.destroy()
    expect(await up.code).toBe(141)
    expect(await states('unread')).toEqual(['unread-db-1 running', 'unread-web-1 created'])
    expect(await lockVolumes('unread')).toEqual([])
    await host.compose('unread', ['down', '-t', '1'])
  })

  it('Ctrl-C that ends its reader too stops the containers all the same', async () => {
    const quiet = `trap 'exit 0' TERM; echo here; while true; do sleep 0.2 & wait $$!; done`
    await host.write('teed', {
      'compose.yaml': `services:
  web: { image: ${sampleImage}, command: ["sh", "-c", "${quiet}"] }
`,
    })
    const up = attach('teed', ['up'])
    expect(await host.eventually(async () => up.stdout().includes('web-1  | here'))).toBe(true)
    up.child.stdout?.destroy()
    up.child.kill('SIGINT')
    expect(await up.code).toBe(130)
    expect(await states('teed')).toEqual(['teed-web-1 exited'])
    await host.compose('teed', ['down', '-t', '1'])
  })

  it('ends by itself when every container has ended', async () => {
    await host.write('brief', {
      'compose.yaml': `services:\n  a: { image: ${sampleImage}, command: ["sh", "-c", "echo from a"] }\n  b: { image: ${sampleImage}, command: ["sh", "-c", "echo from b; exit 4"] }\n`,
    })
    const up = await host.compose('brief', ['up'])
    expect(up.code).toBe(0)
    for (const line of ['a-1  | from a\n', 'b-1  | from b\n', 'a-1 exited with code 0\n', 'b-1 exited with code 4\n']) {
      expect(up.stdout).toContain(line)
    }
    await host.compose('brief', ['down'])
  })

  it('ends with what was named, or is waited for in vain, as docker-compose 2.40 does', async () => {
    await host.write('named', {
      'compose.yaml': `services:
  db: { image: ${sampleImage}, command: /bin/idle, network_mode: none }
  job: { image: ${sampleImage}, command: ["sh", "-c", "sleep 0.2; echo done"], depends_on: [db], network_mode: none }
  brief: { image: ${sampleImage}, command: ["true"], depends_on: [db], network_mode: none }
`,
    })
    for (const program of ['reference', 'compose'] as const) {
      for (const words of [['--attach-dependencies'], ['--attach', 'db']]) {
        const up = await host[program]('named', ['up', ...words, 'job'])
        expect([program, words, up.code]).toEqual([program, words, 0])
        expect(await states('named')).toEqual(['named-db-1 running', 'named-job-1 exited'])
      }
      const waited = await host[program]('named', ['up', '--wait', 'brief'])
      expect([program, waited.code, waited.stderr]).toEqual([
        program,
        1,
        expect.stringContaining('container named-brief-1 exited (0)'),
      ])
      await host.compose('named', ['down', '-t', '1'])
    }
  })

  it('takes the exit code of one service and stops the others', async () => {
    await host.write('code', {
      'compose.yaml': `services:\n  web:\n    image: ${sampleImage}\n    command: ["sh", "-c", "${ticking}"]\n  test: { image: ${sampleImage}, command: ["sh", "-c", "sleep 1; exit 9"], depends_on: [web] }\n`,
    })
    const up = await host.compose('code', ['up', '--exit-code-from', 'test', '--attach', 'test'])
    expect(up.code).toBe(9)
    expect(up.stdout).not.toContain('tick')
    expect(up.stderr).toContain('Aborting on container exit...')
    expect(await states('code')).toEqual(['code-test-1 exited', 'code-web-1 exited'])
    await host.compose('code', ['down'])
  })

  it('goes on after what was to be done first, and ends with the code of what was asked for', async () => {
    await host.write('first', {
      'compose.yaml': `services:
  migrate: { image: ${sampleImage}, command: ["true"] }
  tests:
    image: ${sampleImage}
    command: ["sh", "-c", "sleep 1; echo tested; exit 6"]
    depends_on: { migrate: { condition: service_completed_successfully } }
`,
    })
    const plain = await host.compose('first', ['up'])
    expect(plain.code).toBe(0)
    expect(plain.stdout).toContain('tests-1    | tested\ntests-1 exited with code 6\n')
    const asked = await host.compose('first', ['up', '--abort-on-container-exit', 'tests'])
    expect(asked.code).toBe(6)
    expect(await states('first')).toEqual(['first-migrate-1 exited', 'first-tests-1 exited'])
    await host.compose('first', ['down'])
  })

  it('follows a container that the engine restarts', async () => {
    const flaky = 'echo start; sleep 0.2; test -e /tmp/again || { touch /tmp/again; exit 1; }; echo stays; sleep 1000'
    await host.write('flaky', {
      'compose.yaml': `services:\n  web:\n    image: ${sampleImage}\n    restart: on-failure\n    command: ["sh", "-c", "${flaky}"]\n`,
    })
    const up = attach('flaky', ['up', '-t', '1'])
    expect(await host.eventually(async () => up.stdout().includes('web-1  | stays'))).toBe(true)
    expect(up.stdout()).toContain('web-1 exited with code 1 (restarting)\n')
    up.child.kill('SIGTERM')
    expect(await up.code).toBe(130)
    await host.compose('flaky', ['down', '-t', '1'])
  })

  it('logs -f goes on until the containers end, and Ctrl-C leaves them running', async () => {
    await host.write('tail', {
      'compose.yaml': `services:\n  web:\n    image: ${sampleImage}\n    command: ["sh", "-c", "${ticking}"]\n`,
    })
    expect((await host.compose('tail', ['up', '-d'])).code).toBe(0)
    const first = attach('tail', ['logs', '-f', '--tail', '1'])
    expect(await host.eventually(async () => first.stdout().split('\n').length > 4)).toBe(true)
    first.child.kill('SIGINT')
    expect(await first.code).toBe(130)
    expect(await states('tail')).toEqual(['tail-web-1 running'])
    const second = attach('tail', ['logs', '-f', '--since', '1s'])
    expect(await host.eventually(async () => second.stdout().includes('tick'))).toBe(true)
    await host.compose('tail', ['stop'])
    expect(await second.code).toBe(0)
    expect(second.stdout()).toContain('web-1  | leaving\n')
    await host.compose('tail', ['down'])
  })

  it('follows a container that is replaced by somebody else', async () => {
    await host.write('swap', {
      'compose.yaml': `services:\n  web:\n    image: ${sampleImage}\n    command: ["sh", "-c", "${ticking}"]\n`,
    })
    const up = attach('swap', ['up'])
    expect(await host.eventually(async () => up.stdout().includes('web-1  | tick'))).toBe(true)
    expect((await host.compose('swap', ['up', '-d', '--force-recreate', '-t', '1'])).code).toBe(0)
    const after = (): string => up.stdout().split('web-1 has been recreated\n')[1] ?? ''
    expect(await host.eventually(async () => /exited with code \d+\n[^]*web-1 {2}\| tick/.test(after()))).toBe(true)
    up.child.kill('SIGINT')
    expect(await up.code).toBe(130)
    await host.compose('swap', ['down', '-t', '1'])
  })

  describe('on a terminal', () => {
    const terminals: ChildProcess[] = []

    afterAll(() => {
      for (const child of terminals) child.kill('SIGKILL')
    })

    /** Ours behind a real pseudo-terminal; what is written to stdin are key strokes. */
    function open(project: string, words: string, env: Readonly<Record<string, string>> = {}): Attached {
      const child = spawn('script', ['-qfec', words, '/dev/null'], {
        cwd: join(host.folder, project),
        env: {
          PATH: process.env['PATH'] ?? '',
          HOME: host.folder,
          TERM: 'xterm',
          SHELL: '/bin/bash',
          ...host.env,
          ...env,
        },
      })
      terminals.push(child)
      let output = ''
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
      const code = new Promise<number | null>((resolve) => child.on('close', resolve))
      return { child, stdout: () => output, stderr: () => '', code }
    }

    const program = programForms
      .find((form) => form.name === 'node')!
      .command('docker-compose')
      .join(' ')
    const shows = (up: Attached, text: string | RegExp): Promise<boolean> =>
      host.eventually(async () => (typeof text === 'string' ? up.stdout().includes(text) : text.test(up.stdout())))

    it('has colours and keys; d leaves the containers running', async () => {
      await host.write('keys', {
        'compose.yaml': `services:\n  web: { image: ${sampleImage}, command: ["sh", "-c", "${ticking}"] }\n  job: { image: ${sampleImage}, command: ["sh", "-c", "${ticking}"] }\n`,
      })
      const up = open('keys', `${program} up`)
      expect(await shows(up, '\u001b[36mjob-1  | \u001b[0mtick'), up.stdout()).toBe(true)
      expect(await shows(up, '\u001b[33mweb-1  | \u001b[0mtick')).toBe(true)
      expect(await shows(up, /w\S* \S*Enable Watch.*d\S* \S*Detach/)).toBe(true)
      up.child.stdin?.write('w')
      expect(await shows(up, "consider setting a 'develop' section")).toBe(true)
      up.child.stdin?.write('d')
      expect(await up.code).toBe(0)
      expect(await states('keys')).toEqual(['keys-job-1 running', 'keys-web-1 running'])
      await host.compose('keys', ['down', '-t', '1'])
    })

    it('Ctrl-C is a key: once stops, twice kills', async () => {
      const once = open('tick', `${program} up`)
      expect(await shows(once, 'Detach')).toBe(true)
      once.child.stdin?.write('\u0003')
      expect(await once.code).toBe(130)
      expect(once.stdout()).toContain('Gracefully Stopping... press Ctrl+C again to force')
      expect(once.stdout()).toContain('leaving')
      expect(await states('tick')).toEqual(['tick-web-1 exited'])
      await host.compose('tick', ['down', '-t', '1'])
      const twice = open('stay', `${program} up`)
      expect(await shows(twice, 'Detach')).toBe(true)
      twice.child.stdin?.write('\u0003')
      expect(await shows(twice, 'Stopping')).toBe(true)
      twice.child.stdin?.write('\u0003')
      expect(await twice.code).toBe(130)
      expect(await states('stay')).toEqual(['stay-web-1 exited'])
      await host.compose('stay', ['down', '-t', '1'])
    })

    it('Ctrl-Z stops the program until it is continued, with the terminal as it was', async () => {
      const up = open('tick', `bash -c 'set -m; ${program} up; echo job $?; stty -a | grep -o .icanon; fg'`)
      expect(await shows(up, 'Detach')).toBe(true)
      up.child.stdin?.write('\u001a')
      expect(await shows(up, /job 148\s+(?:icanon| icanon)/), up.stdout()).toBe(true)
      const before = up.stdout().length
      expect(await host.eventually(async () => up.stdout().slice(before).includes('Detach'))).toBe(true)
      up.child.stdin?.write('d')
      expect(await up.code).toBe(0)
      expect(await states('tick')).toEqual(['tick-web-1 running'])
      await host.compose('tick', ['down', '-t', '1'])
    })

    it('w switches the following of files on and off', async () => {
      await host.write('toggle', {
        'compose.yaml': `services:\n  web:\n    image: ${sampleImage}\n    command: ["/bin/idle"]\n    develop: { watch: [{ path: ./src, action: sync, target: /app }] }\n`,
      })
      await mkdir(join(host.folder, 'toggle', 'src'), { recursive: true })
      const up = open('toggle', `${program} up`)
      expect(await shows(up, 'Enable Watch')).toBe(true)
      up.child.stdin?.write('w')
      expect(await shows(up, 'Watch enabled')).toBe(true)
      expect(await shows(up, 'Disable Watch')).toBe(true)
      await writeFile(join(host.folder, 'toggle', 'src', 'a'), 'one')
      expect(await shows(up, 'Syncing service "web" after 1 changes were detected')).toBe(true)
      up.child.stdin?.write('w')
      expect(await shows(up, 'Watch disabled')).toBe(true)
      up.child.stdin?.write('\u0003')
      expect(await up.code).toBe(130)
      await host.compose('toggle', ['down', '-t', '1'])
    })

    it.each([
      ['COMPOSE_MENU=0', 'up', { COMPOSE_MENU: '0' }],
      ['--menu=false', 'up --menu=false', {}],
    ])('%s: no keys, Ctrl-C is the signal it always was', async (_, words, env) => {
      const up = open('tick', `${program} ${words}`, env)
      expect(await shows(up, 'tick')).toBe(true)
      expect(await shows(up, '\u001b[36mweb-1  | \u001b[0m')).toBe(true)
      up.child.stdin?.write('\u0003')
      expect(await up.code).toBe(130)
      expect(up.stdout()).not.toContain('Detach')
      await host.compose('tick', ['down', '-t', '1'])
    })

    it('--ansi never and --no-color leave escapes out', async () => {
      const plain = open('tick', `${program} --ansi never up`)
      expect(await shows(plain, 'web-1  | tick')).toBe(true)
      plain.child.stdin?.write('\u0003')
      expect(await plain.code).toBe(130)
      expect(plain.stdout()).not.toContain('\u001b[')
      const colourless = open('tick', `${program} up --no-color --timestamps`)
      expect(await shows(colourless, /web-1 {2}\| \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z tick/)).toBe(true)
      expect(colourless.stdout()).not.toContain('\u001b[36m')
      colourless.child.stdin?.write('\u0003')
      expect(await colourless.code).toBe(130)
      await host.compose('tick', ['down', '-t', '1'])
    })
  })
})
