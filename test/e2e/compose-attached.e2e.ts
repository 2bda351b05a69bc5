import type { ChildProcess } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { ComposeHost } from './compose-host.ts'

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
    running = await lab({ image: true, namePrefix: 'att' })
    host = await openComposeHost(running.hosts[0]!)
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
    expect(up.stderr()).toContain('Gracefully Stopping... press Ctrl+C again to force\n')
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
})
