import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { renderEndpoint } from '../../src/engine/endpoint-parse.ts'
import { issueCertificate, makeCa } from '../../src/io/certificates.ts'
import { startFakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import type { FakeEngine, FakeProgram } from '../../src/testing/fake-engine/fake-engine.ts'
import { collect, ensurePrograms, programForms } from './programs.ts'
import type { ProgramForm, RunResult } from './programs.ts'
import { TerminalSession } from './terminal.ts'

/** What passes through the programs' own standard streams: all of it, to readers of any speed, and ends that are ends. */

const root = resolve(import.meta.dirname, '..', '..')
const bun = join(root, 'node_modules', '@oven', `bun-${process.platform}-${process.arch}`, 'bin', 'bun')
const day = 86_400_000
const line = `${'y'.repeat(99)}\n`
const containerPrograms: Readonly<Record<string, FakeProgram>> = {
  async ticks(own) {
    for (;;) {
      own.write('stdout', 'tick\n')
      await own.clock.sleep(50, own.signal)
    }
  },
  screen(own) {
    own.write('stdout', 'one\ntwo\r\nthree\r\n')
    return Promise.resolve(0)
  },
  burst(own) {
    for (let at = 0; at < 50; at += 1) own.write('stdout', line.repeat(200))
    return Promise.resolve(0)
  },
}
const file = `
services:
  plain: { image: app, command: [sleep, "600"] }
  ticks: { image: app, command: [ticks] }
  burst: { image: app, command: [burst] }
`

let folder = ''
let engine: FakeEngine
let env: Readonly<Record<string, string>> = {}

beforeAll(async () => {
  ensurePrograms()
  folder = await mkdtemp(join(tmpdir(), 'flotilla-compose-streams-'))
  await writeFile(join(folder, 'compose.yaml'), file)
  const subject = { organization: 'test', keyKind: 'ecdsa' } as const
  const nowMs = Date.now() - day
  const ca = await makeCa({ ...subject, commonName: 'authority', nowMs, days: 10 })
  const both = { ...subject, commonName: 'engine', nowMs, days: 10, names: ['127.0.0.1'] }
  const pair = await issueCertificate(ca, { ...both, usages: ['server', 'client'] })
  for (const [name, text] of Object.entries({ ca: ca.cert, cert: pair.cert, key: pair.key })) {
    await writeFile(join(folder, `${name}.pem`), text)
  }
  // Over TLS the input is held up more often than without: the end comes while what was read still waits.
  engine = await startFakeEngine({ tls: { ...pair, ca: ca.cert }, images: ['app'], programs: containerPrograms })
  const host = renderEndpoint(engine.endpoint)
  env = { HOME: folder, DOCKER_HOST: host, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: folder }
  const up = await compose(programForms[0]!, ['up', '-d'])
  expect(up.code, up.stderr).toBe(0)
}, 60_000)

afterAll(async () => {
  await engine?.stop()
  await rm(folder, { recursive: true, force: true })
})

function compose(form: ProgramForm, args: readonly string[], input = ''): Promise<RunResult> {
  return form.run('docker-compose', args, { cwd: folder, env, input, timeoutMs: 20_000 })
}

/** What a shell gets of our program, as `$*`, at the head of a pipe, and with which code our program ended. */
async function piped(form: ProgramForm, args: readonly string[], reader: string): Promise<RunResult> {
  const script = `{ "$@"; echo "code $?" >&2; } | ${reader}`
  const words = ['-c', script, 'sh', ...form.command('docker-compose'), ...args]
  const child = spawn('sh', words, {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return collect(child, 30_000)
}

describe.skipIf(process.platform === 'win32').each(programForms)('streams ($name; needs a POSIX shell)', (form) => {
  it('what is fed to a process and comes back is whole, and ends, however often', async () => {
    const text = 'x'.repeat(99).concat('\n').repeat(20_000)
    let left = form.name === 'executable' ? 12 : 4
    const runInTurn = async (): Promise<void> => {
      while (left > 0) {
        left -= 1
        const result = await compose(form, ['exec', '-T', 'plain', 'cat'], text)
        expect(result, result.stderr).toMatchObject({ code: 0, signal: null })
        expect(result.stdout === text).toBe(true)
      }
    }
    await Promise.all(Array.from({ length: 4 }, runInTurn))
  }, 120_000)

  it.each([
    ['logs', '--no-log-prefix', 'burst'],
    ['exec', '-T', 'plain', 'burst'],
  ])('a slow reader gets all of it: %s', async (...args) => {
    const result = await piped(form, args, '{ sleep 1; cat; }')
    expect(result.stdout === line.repeat(10_000)).toBe(true)
    expect(result.stderr).toContain('code 0')
  })

  it('an archive goes in and comes out whole, to a slow reader too, and ends with a reader that leaves', async () => {
    await writeFile(join(folder, 'large'), line.repeat(30_000))
    const script = '"$@" cp large plain:/large 2>/dev/null && "$@" cp plain:/large - 2>/dev/null | tee copy.tar | wc -c'
    const words = ['-c', script, 'sh', ...form.command('docker-compose')]
    const made = spawn('sh', words, { cwd: folder, env: { PATH: process.env['PATH'], ...env } })
    expect(Number((await collect(made, 30_000)).stdout)).toBeGreaterThan(3_000_000)
    const slow = await piped(form, ['cp', 'plain:/large', '-'], '{ sleep 1; cmp - copy.tar && echo same; }')
    expect(slow.stdout).toBe('same\n')
    expect(slow.stderr).toContain('code 0')
    const left = await piped(form, ['cp', 'plain:/large', '-'], 'head -c 5')
    expect(left.stdout).toBe('large')
    expect(left.stderr).toContain('code 141')
  })

  it('a slow reader gets all of what a container printed that ends an attached up', async () => {
    await mkdir(join(folder, 'once'), { recursive: true })
    await writeFile(join(folder, 'once', 'compose.yaml'), 'services:\n  burst: { image: app, command: [burst] }\n')
    const args = ['-f', 'once/compose.yaml', 'up', '--no-log-prefix', '--abort-on-container-exit']
    const result = await piped(form, args, '{ sleep 6; cat; }')
    const printed = result.stdout.split('\n').filter((text) => text.startsWith('y'))
    expect(printed).toHaveLength(10_000)
    expect(result.stdout).toContain('burst-1 exited with code 0\n')
    expect(result.stderr).toContain('code 0')
  })

  it('what a terminal shows is what the process wrote, byte for byte, and the terminal is as it was afterwards', async () => {
    const script = '"$@"; stty -a | tr -s "; \\n" ,; echo ,over'
    const words = ['-c', script, 'sh', ...form.command('docker-compose'), 'exec', 'plain', 'screen']
    const variables = { PATH: process.env['PATH'] ?? '', TERM: 'xterm', ...env }
    const session = new TerminalSession(['sh', ...words], { cwd: folder, env: variables })
    try {
      expect(await session.shows(/,over/), session.screen).toBe(true)
      expect(session.screen).toMatch(/^one\ntwo\r\nthree\r\n/)
      for (const flag of ['icanon', 'echo', 'opost', 'onlcr']) expect(session.screen).toContain(`,${flag},`)
    } finally {
      session.close()
    }
  })

  it('a slow reader gets all of what a command prints at once', async () => {
    const services = Array.from({ length: 1500 }, (_, at) => `  s${at}: { image: app, command: ["${'x'.repeat(80)}"] }`)
    await writeFile(join(folder, 'large.yaml'), `services:\n${services.join('\n')}\n`)
    const args = ['-f', 'large.yaml', 'config']
    const whole = await compose(form, args)
    expect(whole.stdout.length).toBeGreaterThan(200_000)
    const result = await piped(form, args, '{ sleep 1; cat; }')
    expect(result.stdout === whole.stdout).toBe(true)
    expect(result.stderr).toContain('code 0')
  })

  it.each([
    ['logs', '-f', 'ticks'],
    ['exec', '-T', 'plain', 'ticks'],
    ['attach', '--no-stdin', 'ticks'],
  ])('ends when its reader has gone: %s', async (...args) => {
    const result = await piped(form, args, 'head -c 4')
    expect(result).toMatchObject({ code: 0, signal: null })
    expect(result.stdout).toHaveLength(4)
    expect(result.stderr).toContain('code 141')
  })
})

/** Stops at each piece of its input, prints how many bytes it was at the end, or says that it waits for that. */
const reader = `
import { openInput } from ${JSON.stringify(join(root, 'src', 'bin', 'standard-input.ts'))}
const stdin = openInput(process.stdin)
let bytes = 0
stdin.on('data', (piece) => {
  bytes += piece.length
  stdin.pause()
  process.nextTick(() => stdin.resume())
})
stdin.on('end', () => console.log(bytes))
`

it.runIf(existsSync(bun))(
  'an input that ends while it is held up ends under Bun as well, forty times (needs Bun)',
  async () => {
    const [script, input] = [join(folder, 'reader.ts'), join(folder, 'input')]
    await writeFile(script, reader)
    await writeFile(input, Buffer.alloc(2_000_000))
    // One in six used to wait for ever.
    let left = 40
    const runInTurn = async (): Promise<void> => {
      while (left > 0) {
        left -= 1
        const child = spawn('sh', ['-c', 'cat "$0" | "$1" "$2"', input, bun, script], {
          stdio: ['ignore', 'pipe', 'pipe'],
        })
        expect(await collect(child, 30_000)).toEqual({ code: 0, signal: null, stdout: '2000000\n', stderr: '' })
      }
    }
    await Promise.all(Array.from({ length: 4 }, runInTurn))
  },
  120_000,
)
