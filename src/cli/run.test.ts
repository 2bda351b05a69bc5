import { PassThrough, Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { FlotillaError } from '../core/errors.ts'
import { makeRegistry } from '../plugin/make-registry.ts'
import { defineCommand } from './command.ts'
import type { Command, Context } from './command.ts'
import { dockerCompose, dockerMachine, flotilla, swarm } from './personality.ts'
import type { Personality } from './personality.ts'
import { run } from './run.ts'
import type { Terminal } from '../ui/terminal.ts'
import type { SignalName, World } from './world.ts'

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

interface Stage {
  readonly world: World
  readonly sent: { readonly stdout: string; readonly stderr: string }
  signal(name: SignalName): void
  uncaught(error: unknown): void
}

function makeStage(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Stage {
  const sent = { stdout: '', stderr: '' }
  const collect = (name: 'stdout' | 'stderr'): Writable =>
    new Writable({
      write(piece: Buffer, _encoding, done) {
        sent[name] += piece.toString()
        done()
      },
    })
  const onSignal = new Set<(name: SignalName) => void>()
  const onUncaught = new Set<(error: unknown) => void>()
  const world: World = {
    argv,
    stdin: new PassThrough(),
    stdout: collect('stdout'),
    stderr: collect('stderr'),
    env,
    cwd: '/',
    clock: { nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5), monotonicMs: () => 0, sleep: () => new Promise(() => {}) },
    random: { next: () => 0 },
    terminal: {
      isTty: false,
      isStderrTty: false,
      isStdinTty: false,
      columns: () => 80,
      rows: () => 24,
      colorDepth: 0,
      onResize: () => () => {},
    },
    plugins: makeRegistry(),
    onSignal(handler) {
      onSignal.add(handler)
      return () => onSignal.delete(handler)
    },
    onUncaught(handler) {
      onUncaught.add(handler)
      return () => onUncaught.delete(handler)
    },
  }
  return {
    world,
    sent,
    signal: (name) => {
      for (const handler of onSignal) handler(name)
    },
    uncaught: (error) => {
      for (const handler of onUncaught) handler(error)
    },
  }
}

type Body = (ctx: Context, flags: Readonly<Record<string, unknown>>, args: readonly string[]) => Promise<number | void>

function command(name: string, body: Body, extra: Partial<Command> = {}): Command {
  return defineCommand({
    name,
    brief: `do ${name}`,
    flags: {
      quiet: { kind: 'boolean', short: 'q', brief: 'Only names' },
      filter: { kind: 'strings', short: 'f', brief: 'Filter', placeholder: 'k=v' },
      timeout: { kind: 'integer', short: 't', default: 10, brief: 'Seconds to wait', env: ['TIMEOUT'] },
      token: { kind: 'string', brief: 'Credential', isSecret: true },
    },
    args: [{ name: '[NAME...]' }],
    load: async () => ({ run: body }),
    ...extra,
  })
}

const echo: Body = async (ctx, { quiet, filter, timeout, token }, args) => {
  ctx.stdout.write(`${JSON.stringify({ quiet, filter, timeout, token, args })}\n`)
}

const globals = {
  debug: { kind: 'boolean', short: 'D', brief: 'Enable debug mode', env: ['MACHINE_DEBUG'] },
  'storage-path': { kind: 'string', short: 's', brief: 'Where the store is', env: ['STORE'], default: '/store' },
} as const

async function runLine(
  personality: Personality,
  line: string,
  commands: readonly Command[] = [command('ls', echo), command('inspect', echo, { aliases: ['i'] })],
  env: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const stage = makeStage(line === '' ? [] : line.split(' '), env)
  const code = await run({ personality, globals, commands }, stage.world)
  return { code, ...stage.sent }
}

function values(overrides: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({ quiet: false, filter: [], timeout: 10, token: undefined, args: [], ...overrides })}\n`
}

describe('the goflag dialect (docker-machine, swarm)', () => {
  it.each([
    ['ls', {}],
    ['ls -q', { quiet: true }],
    ['ls -quiet=false', { quiet: false }],
    ['ls --filter a=1 -f b=2 -filter=c=3', { filter: ['a=1', 'b=2', 'c=3'] }],
    ['ls m1 -q m2 --timeout 5', { quiet: true, timeout: 5, args: ['m1', 'm2'] }],
    ['ls -t=7 -- -q', { timeout: 7, args: ['-q'] }],
    ['ls - -q', { quiet: true, args: ['-'] }],
    ['-s /x ls -q', { quiet: true }],
  ])('%s', async (line, overrides) => {
    expect(await runLine(dockerMachine, line)).toEqual({ code: 0, stdout: values(overrides), stderr: '' })
  })

  it.each([
    ['ls --nope', 'flag provided but not defined: -nope'],
    ['ls -t', 'flag needs an argument: -t'],
    ['ls -t=x', 'invalid value "x" for flag -timeout: parse error'],
    ['ls -q=maybe', 'invalid boolean value "maybe" for -quiet: parse error'],
    ['ls -t=99999999999999999999', 'invalid value "99999999999999999999" for flag -timeout: value out of range'],
    ['ls --=x', 'bad flag syntax: --=x'],
  ])('%s is refused in the words of Go, with the help of the command', async (line, message) => {
    const result = await runLine(dockerMachine, line)
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 1, stderr: `${message}\n` })
    expect(result.stdout).toMatch(/^Incorrect Usage\.\n\nUsage: docker-machine ls \[OPTIONS\] \[NAME\.\.\.\]\n/)
  })

  it('a flag that is nearly right is suggested', async () => {
    const result = await runLine(dockerMachine, 'ls --quite')
    expect(result.stderr).toBe('flag provided but not defined: -quite\nhint: did you mean --quiet?\n')
  })

  it('the environment stands in for a flag, and a bad value names its variable', async () => {
    expect((await runLine(dockerMachine, 'ls', undefined, { TIMEOUT: '3' })).stdout).toBe(values({ timeout: 3 }))
    expect((await runLine(dockerMachine, 'ls -t 4', undefined, { TIMEOUT: '3' })).stdout).toBe(values({ timeout: 4 }))
    // docker-machine cmd/machine.go: the same sentence for MACHINE_DEBUG.
    expect(await runLine(dockerMachine, 'ls', undefined, { MACHINE_DEBUG: 'zzz' })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Error parsing boolean value from MACHINE_DEBUG: strconv.ParseBool: parsing "zzz": invalid syntax\n',
    })
  })

  it('debug is accepted after the command word as well', async () => {
    const seen: unknown[] = []
    const commands = [command('ls', async (ctx) => void seen.push(ctx.globals['debug'], ctx.globals['storage-path']))]
    await runLine(dockerMachine, 'ls --debug', commands)
    await runLine(dockerMachine, '-s /x ls', commands)
    expect(seen).toEqual([true, '/store', false, '/x'])
  })

  it('an unknown command is named on stderr', async () => {
    expect(await runLine(dockerMachine, 'inspct')).toEqual({
      code: 1,
      stdout: '',
      stderr: `docker-machine: 'inspct' is not a docker-machine command. See 'docker-machine --help'.\nhint: did you mean "inspect"?\n`,
    })
  })

  it('--help before a command word is about the program, as with the ancestors', async () => {
    for (const personality of [dockerMachine, swarm]) {
      const { stdout } = await runLine(personality, '--help ls', [command('ls', echo)])
      expect(stdout).toBe((await runLine(personality, '--help', [command('ls', echo)])).stdout)
    }
  })

  it('classic Swarm has its own words for it, and exit code 0', async () => {
    expect(await runLine(swarm, 'xyz')).toEqual({ code: 0, stdout: "No help topic for 'xyz'\n", stderr: '' })
  })

  it.each([
    [swarm, 'swarm'],
    [dockerMachine, 'docker-machine'],
  ])(
    'a word that no command of a group is called, which no ancestor had, is an error of that group: %#',
    async (program, name) => {
      const group: Command = { name: 'pool', brief: 'pools', flags: {}, args: [], commands: [command('list', echo)] }
      expect(await runLine(program, 'pool lst', [group])).toEqual({
        code: 1,
        stdout: '',
        stderr: `${name} pool: 'lst' is not a ${name} pool command. See '${name} pool --help'.\nhint: did you mean "list"?\n`,
      })
    },
  )

  it('arguments beyond those a command can have are refused before it runs', async () => {
    const commands = [command('even', echo, { maxArgs: 0 }), command('one', echo, { maxArgs: 1 })]
    expect(await runLine(swarm, 'even node1', commands)).toEqual({
      code: 1,
      stdout: '',
      stderr: `swarm even takes no arguments, got "node1"\nhint: see 'swarm even --help'\n`,
    })
    expect(await runLine(flotilla, 'one a b', commands)).toEqual({
      code: 1,
      stdout: '',
      stderr: `flotilla: one takes at most one argument, got "b"\nhint: see 'flotilla one --help'\n`,
    })
    expect((await runLine(swarm, 'one a', commands)).code).toBe(0)
  })
})

describe('the pflag dialect (compose, flotilla)', () => {
  it.each([
    ['ls -qt5 a', { quiet: true, timeout: 5, args: ['a'] }],
    ['ls a -t=5 --filter x -fy', { timeout: 5, filter: ['x', 'y'], args: ['a'] }],
    ['ls --quiet=false --timeout=1', { timeout: 1 }],
    ['ls -- -q', { args: ['-q'] }],
    ['i b', { args: ['b'] }],
  ])('%s', async (line, overrides) => {
    expect(await runLine(dockerCompose, line)).toEqual({ code: 0, stdout: values(overrides), stderr: '' })
  })

  it.each([
    ['ls --nope', 'unknown flag: --nope'],
    ['ls -z', "unknown shorthand flag: 'z' in -z"],
    ['ls -qz', "unknown shorthand flag: 'z' in -z"],
    ['ls --timeout', 'flag needs an argument: --timeout'],
    ['ls -t', "flag needs an argument: 't' in -t"],
    ['ls -t x', 'invalid argument "x" for "-t, --timeout" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    ['ls -quiet', "unknown shorthand flag: 'u' in -uiet"],
  ])('%s', async (line, message) => {
    expect(await runLine(dockerCompose, line)).toEqual({
      code: 1,
      stdout: '',
      stderr: `${message}\n\nUsage:  docker compose ls [OPTIONS] [NAME...]\n\nRun 'docker compose ls --help' for more information\n`,
    })
  })

  it('root flags stand before the command only', async () => {
    expect((await runLine(dockerCompose, 'ls --storage-path x')).stderr).toMatch(/^unknown flag: --storage-path\n/)
  })

  it('in the environment any word for yes is true, and old flags are noted once', async () => {
    const seen: unknown[] = []
    const stage = makeStage(['--old', '--old', 'up'], { WIDE: 'Yes', NARROW: 'maybe' })
    const code = await run(
      {
        personality: dockerCompose,
        globals: {
          wide: { kind: 'boolean', brief: 'Wide', env: ['WIDE'] },
          narrow: { kind: 'boolean', brief: 'Narrow', env: ['NARROW'] },
          old: { kind: 'boolean', brief: 'Old', deprecated: 'use --new' },
        },
        commands: [command('up', async ({ globals }) => void seen.push(globals['wide'], globals['narrow']))],
      },
      stage.world,
    )
    expect({ code, seen, stderr: stage.sent.stderr }).toEqual({ code: 0, seen: [true, false], stderr: 'use --new\n' })
  })

  it('dry-run alone is accepted by every command', async () => {
    const seen: unknown[] = []
    const stage = makeStage(['up', '--dry-run'])
    const code = await run(
      {
        personality: dockerCompose,
        globals: { 'dry-run': { kind: 'boolean', brief: 'Change nothing' } },
        commands: [command('up', async (ctx) => void seen.push(ctx.globals['dry-run']))],
      },
      stage.world,
    )
    expect({ code, seen }).toEqual({ code: 0, seen: [true] })
    expect((await runLine(dockerCompose, 'h')).code).toBe(1)
  })

  it('an unknown command prints the help and is named as Compose names it', async () => {
    const result = await runLine(dockerCompose, 'xyz')
    expect(result.stderr).toBe('unknown docker command: "compose xyz"\n')
    expect(result.code).toBe(1)
    expect(result.stdout).toMatch(/^\nUsage: {2}docker compose \[OPTIONS\] COMMAND\n/)
  })

  it.each([
    ['--help ls web', 'docker compose ls [OPTIONS]'],
    ['-h ls', 'docker compose ls [OPTIONS]'],
    ['--help nosuch', 'docker compose [OPTIONS] COMMAND'],
  ])('%s prints the page of what it is asked for with', async (line, usage) => {
    const { code, stdout } = await runLine(dockerCompose, line)
    expect(code).toBe(0)
    expect(stdout).toContain(`Usage:  ${usage}`)
  })

  it('a command may leave everything from its first argument on alone', async () => {
    const commands = [command('exec', echo, { stopsAtArgument: true })]
    expect((await runLine(dockerCompose, 'exec -q web ls -q -- -t', commands)).stdout).toBe(
      values({ quiet: true, args: ['web', 'ls', '-q', '--', '-t'] }),
    )
  })

  it('a group that is a program elsewhere has its version, and its name in the texts of its commands', async () => {
    const group: Command = {
      name: 'compose',
      brief: 'Projects',
      flags: {},
      args: [],
      commands: [command('up', echo, { description: "see '{program} ps'" })],
      versionText: 'Docker Compose version v9',
    }
    expect(await runLine(flotilla, 'compose -v', [group])).toMatchObject({ stdout: 'Docker Compose version v9\n' })
    expect((await runLine(flotilla, '-v', [group])).stdout).toMatch(/^flotilla version/)
    expect((await runLine(flotilla, 'compose up --help', [group])).stdout).toContain("see 'flotilla compose ps'\n")
  })

  it('commands can be nested, with flags of the group before the inner word', async () => {
    const seen: unknown[] = []
    const inner = command(
      'ls',
      async (ctx, flags) => void seen.push(ctx.globals['debug'], ctx.globals['root'], flags['quiet']),
    )
    const group: Command = {
      name: 'machine',
      brief: 'hosts',
      args: [],
      commands: [inner],
      flags: { root: { kind: 'string', short: 'r', brief: 'Root' } },
    }
    expect((await runLine(flotilla, '-D machine -r /r ls -q', [group])).code).toBe(0)
    expect(seen).toEqual([true, '/r', true])
    expect((await runLine(flotilla, 'machine lss', [group])).stderr).toBe(
      `flotilla machine: "lss" is not a command, see 'flotilla machine --help'\nhint: did you mean "ls"?\n`,
    )
  })
})

describe('flags known only after a look at the line', () => {
  const create = command('create', async (ctx, flags) => void ctx.stdout.write(String(flags['kvm-memory'])), {
    moreFlags: async (argv) => {
      if (argv.includes('bad')) throw new FlotillaError('plugin/not-found', 'there is no driver "bad"')
      return argv.includes('kvm') ? { 'kvm-memory': { kind: 'integer', default: 1024, brief: 'Megabytes' } } : {}
    },
  })

  it('are parsed, and belong to the help', async () => {
    expect((await runLine(dockerMachine, 'create -f kvm --kvm-memory 5', [create])).stdout).toBe('5')
    expect((await runLine(dockerMachine, 'create -f kvm --help', [create])).stdout).toContain('--kvm-memory "1024"')
    expect((await runLine(dockerMachine, 'create --kvm-memory 5', [create])).stderr).toBe(
      'flag provided but not defined: -kvm-memory\n',
    )
  })

  it('a look-up that fails does not keep the help from being shown', async () => {
    const result = await runLine(dockerMachine, 'create -f bad --help', [create])
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' })
    expect(result.stdout).toMatch(/^Usage: docker-machine create /)
  })

  it('a look-up that fails is an ordinary error', async () => {
    expect(await runLine(dockerMachine, 'create -f bad', [create])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'there is no driver "bad"\n',
    })
  })
})

describe('errors', () => {
  const failing = (error: unknown): Command[] => [
    command('ls', async () => {
      throw error
    }),
  ]

  it('show the message and the hint, and never a stack trace', async () => {
    const error = new FlotillaError('machine/not-found', 'no host', {
      hint: 'make one',
      exitCode: 3,
      cause: new Error('inner'),
    })
    expect(await runLine(dockerMachine, 'ls', failing(error))).toEqual({
      code: 3,
      stdout: '',
      stderr: 'no host\nhint: make one\n',
    })
    expect((await runLine(flotilla, 'ls', failing(new TypeError('x is not a function')))).stderr).toBe(
      'flotilla: x is not a function\n',
    )
    expect((await runLine(flotilla, 'ls', failing('text'))).stderr).toBe('flotilla: text\n')
  })

  it('show their causes with --debug', async () => {
    const inner = Object.assign(new Error('connect refused'), { code: 'ECONNREFUSED' })
    const error = new FlotillaError('engine/unreachable', 'cannot reach', {
      cause: new Error('dial', { cause: inner }),
    })
    expect((await runLine(dockerMachine, '-D ls', failing(error))).stderr).toBe(
      'cannot reach\ncaused by: dial\ncaused by: connect refused (ECONNREFUSED)\n',
    )
  })

  it('hide credentials and control characters', async () => {
    const error = new FlotillaError('io/connect', 'tcp://bob:hunter2@h: token s3cr3t-token \u001b[31m')
    expect((await runLine(dockerMachine, 'ls --token s3cr3t-token', failing(error))).stderr).toBe(
      'tcp://bob:***@h: token *** \ufffd[31m\n',
    )
  })

  it.each(['x', 'a.', 'a://', 'a:', '\u001b', '://a:b'])(
    'are told however long they are: %j so often that quadratic time would be minutes',
    async (piece) => {
      const { stderr } = await runLine(dockerMachine, 'ls', failing(new Error(piece.repeat(300_000))))
      const shown = piece === '\u001b' ? '\ufffd' : piece
      expect(stderr === `${shown.repeat(300_000)}\n`).toBe(true)
    },
  )

  it('are JSON where Compose shows progress as JSON', async () => {
    const stage = makeStage(['--progress', 'json', 'ls'])
    const code = await run(
      {
        personality: dockerCompose,
        globals: { progress: { kind: 'string', brief: 'How' } },
        commands: failing(new FlotillaError('compose/invalid', 'bad "file"')),
      },
      stage.world,
    )
    expect({ code, ...stage.sent }).toEqual({
      code: 1,
      stdout: '',
      stderr: '{"error":true,"message":"bad \\"file\\""}\n',
    })
  })

  it('that nobody caught become one line', async () => {
    const stage = makeStage(['ls'])
    const running = run(
      { personality: flotilla, globals, commands: [command('ls', () => new Promise(() => {}))] },
      stage.world,
    )
    await Promise.resolve()
    stage.uncaught(new Error('lost'))
    expect({ code: await running, ...stage.sent }).toEqual({ code: 1, stdout: '', stderr: 'flotilla: lost\n' })
  })
})

describe('a daemon', () => {
  it('may claim errors that nobody caught and go on', async () => {
    const stage = makeStage(['ls'])
    const seen: unknown[] = []
    const serves: Body = (ctx) =>
      new Promise((resolve) => {
        const release = ctx.onUncaught?.((error) => {
          seen.push(error)
          release?.()
          resolve(0)
        })
      })
    const running = run({ personality: swarm, globals, commands: [command('ls', serves)] }, stage.world)
    await new Promise((resolve) => setImmediate(resolve))
    stage.uncaught('one request')
    expect({ code: await running, seen, ...stage.sent }).toEqual({
      code: 0,
      seen: ['one request'],
      stdout: '',
      stderr: '',
    })
  })
})

describe('interruption', () => {
  const waits: Body = (ctx) =>
    new Promise((_, reject) => {
      ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason), { once: true })
    })

  async function interrupt(
    personality: Personality,
    body: Body,
    names: readonly SignalName[],
    terminal: Partial<Terminal> = {},
  ): Promise<Result> {
    const stage = makeStage(['ls'])
    const world = { ...stage.world, terminal: { ...stage.world.terminal, ...terminal } }
    const running = run({ personality, globals, commands: [command('ls', body)] }, world)
    // The command starts after a few turns of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
    for (const name of names) stage.signal(name)
    return { code: await running, ...stage.sent }
  }

  it('the first Ctrl-C aborts the command, which ends quietly with 130', async () => {
    expect(await interrupt(dockerMachine, waits, ['SIGINT'])).toEqual({ code: 130, stdout: '', stderr: '' })
  })

  it('leaves the cursor of a terminal below the ^C it shows', async () => {
    expect((await interrupt(dockerMachine, waits, ['SIGINT'], { isStderrTty: true, isStdinTty: true })).stderr).toBe(
      '\n',
    )
    expect((await interrupt(dockerMachine, waits, ['SIGTERM'], { isStderrTty: true, isStdinTty: true })).stderr).toBe(
      '',
    )
    expect((await interrupt(dockerMachine, waits, ['SIGINT'], { isStderrTty: true, isStdinTty: false })).stderr).toBe(
      '',
    )
  })

  it('SIGTERM is 143, for Compose 130', async () => {
    expect((await interrupt(dockerMachine, waits, ['SIGTERM'])).code).toBe(143)
    expect((await interrupt(dockerCompose, waits, ['SIGTERM'])).code).toBe(130)
  })

  it('any number of calls may wait for it without a warning of a leak', async () => {
    const warnings: string[] = []
    const note = (warning: Error): void => void warnings.push(warning.name)
    process.on('warning', note)
    const ask = command('ls', async (ctx) => {
      for (let call = 0; call < 100; call += 1) ctx.signal.addEventListener('abort', () => {})
    })
    await runLine(dockerMachine, 'ls', [ask])
    // Warnings come on the next turn.
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', note)
    expect(warnings).toEqual([])
  })

  it('a second Ctrl-C ends a command that does not listen', async () => {
    expect((await interrupt(dockerMachine, () => new Promise(() => {}), ['SIGINT', 'SIGINT'])).code).toBe(130)
  })

  it('a command that claims the signal decides itself', async () => {
    const seen: unknown[] = []
    const claims: Body = (ctx) =>
      new Promise((resolve) => {
        const release = ctx.onInterrupt((name, count) => {
          seen.push(name, count, ctx.signal.aborted)
          if (count < 2) return
          release()
          resolve(7)
        })
      })
    expect((await interrupt(dockerMachine, claims, ['SIGINT', 'SIGTERM'])).code).toBe(7)
    expect(seen).toEqual(['SIGINT', 1, false, 'SIGTERM', 2, false])
  })

  it('a command that finishes in spite of the signal keeps its exit code', async () => {
    const finishes: Body = (ctx) =>
      new Promise((resolve) => ctx.signal.addEventListener('abort', () => resolve(0), { once: true }))
    expect((await interrupt(dockerMachine, finishes, ['SIGINT'])).code).toBe(0)
  })

  /** Runs a command whose reader goes away. @param sleep of the clock */
  async function leave(body: Body, sleep?: () => Promise<void>): Promise<Result> {
    const stage = makeStage(['ls'])
    const { clock } = stage.world
    const world = { ...stage.world, clock: sleep === undefined ? clock : { ...clock, sleep } }
    const running = run({ personality: flotilla, globals, commands: [command('ls', body)] }, world)
    await new Promise((resolve) => setImmediate(resolve))
    world.stdout.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    return { code: await running, ...stage.sent }
  }
  const silent = { code: 141, stdout: '', stderr: '' }

  it('a reader that went away ends the program with 141 and no word, once the command has tidied up', async () => {
    let isTidy = false
    const tidies: Body = async (ctx, ...rest) => {
      await waits(ctx, ...rest).catch(() => {})
      await new Promise((resolve) => setImmediate(resolve))
      isTidy = true
      ctx.signal.throwIfAborted()
    }
    expect([await leave(tidies), isTidy]).toEqual([silent, true])
  })

  it('a reader that went away does not wait for a command that does not end', async () => {
    expect(
      await leave(
        () => new Promise(() => {}),
        () => Promise.resolve(),
      ),
    ).toEqual(silent)
  })

  it('a reader that went away with the same Ctrl-C does not cut short how the command answers it', async () => {
    const stage = makeStage(['ls'])
    const claims: Body = (ctx) =>
      new Promise((resolve) => {
        ctx.onInterrupt(() => {
          stage.world.stdout.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
          setImmediate(() => resolve(ctx.signal.aborted ? 1 : 7))
        })
      })
    const running = run({ personality: flotilla, globals, commands: [command('ls', claims)] }, stage.world)
    await new Promise((resolve) => setImmediate(resolve))
    stage.signal('SIGINT')
    expect(await running).toBe(7)
  })

  it('output that could not be written turns success into an error, also when it is told late', async () => {
    const stage = makeStage(['ls'])
    const { stdout } = stage.world
    const late = command('ls', () => {
      queueMicrotask(() => {
        process.nextTick(() => stdout.emit('error', Object.assign(new Error('disk full'), { code: 'ENOSPC' })))
      })
      return Promise.resolve(0)
    })
    const code = await run({ personality: flotilla, globals, commands: [late] }, stage.world)
    expect({ code, ...stage.sent }).toEqual({
      code: 1,
      stdout: '',
      stderr: 'flotilla: cannot write the output: disk full\n',
    })
  })

  it('a log that finds no room on the disk ends nothing', async () => {
    const stage = makeStage(['ls'])
    const full = Object.assign(new Error('disk full'), { code: 'ENOSPC' })
    const body = command('ls', async (ctx) => {
      stage.world.stderr.emit('error', full)
      await new Promise((resolve) => setImmediate(resolve))
      ctx.stdout.write('done\n')
    })
    expect({
      code: await run({ personality: flotilla, globals, commands: [body] }, stage.world),
      ...stage.sent,
    }).toEqual({ code: 0, stdout: 'done\n', stderr: '' })
  })
})

describe('help and version', () => {
  const commands = [command('ls', echo, { description: 'More about it.' }), command('hidden', echo, { hidden: true })]

  it('of docker-machine are laid out as its own', async () => {
    expect((await runLine(dockerMachine, '', commands)).stdout).toMatchInlineSnapshot(`
      "Usage: docker-machine [OPTIONS] COMMAND [arg...]

      Make Docker hosts and look after them.

      Version: 0.16.2, build flotilla-0.1.0

      Author:
        The Flotilla authors

      Options:
        --debug, -D                  Enable debug mode [$MACHINE_DEBUG]
        --storage-path, -s "/store"  Where the store is [$STORE]
        --help, -h                   Print this page
        --version, -v                Print the version

      Commands:
        ls    do ls
        help  Print this page, or that of a command

      Run 'docker-machine COMMAND --help' for more information on a command.
      "
    `)
    expect((await runLine(dockerMachine, 'help ls', commands)).stdout).toMatchInlineSnapshot(`
      "Usage: docker-machine ls [OPTIONS] [NAME...]

      do ls

      Description:
         More about it.

      Options:

         --quiet, -q                                     Only names
         --filter, -f [--filter option --filter option]  Filter
         --timeout, -t "10"                              Seconds to wait [$TIMEOUT]
         --token                                         Credential
      "
    `)
  })

  it('a list flag names its default in its text', async () => {
    const root = { host: { kind: 'strings', default: ['a', 'b'], brief: 'Where', env: ['HOST'] } } as const
    const stage = makeStage(['--help'])
    await run({ personality: swarm, globals: root, commands }, stage.world)
    expect(stage.sent.stdout).toContain('--host [--host option --host option]  Where (default a, b) [$HOST]\n')
  })

  it('of swarm are laid out as its own', async () => {
    expect((await runLine(swarm, '--help', commands)).stdout).toMatchInlineSnapshot(`
      "Usage: swarm [OPTIONS] COMMAND [arg...]

      A Docker-native clustering system

      Version: 1.2.9 (flotilla-0.1.0)

      Options:
        --debug, -D                  Enable debug mode [$MACHINE_DEBUG]
        --storage-path, -s "/store"  Where the store is [$STORE]
        --help, -h                   Print this page
        --version, -v                Print the version

      Commands:
        ls       do ls
        help, h  Print this page, or that of a command

      Run 'swarm COMMAND --help' for more information on a command.
      "
    `)
  })

  it('of docker compose are laid out as its own', async () => {
    expect((await runLine(dockerCompose, '-h', commands)).stdout).toMatchInlineSnapshot(`
      "
      Usage:  docker compose [OPTIONS] COMMAND

      Run projects of several containers, as Compose files describe them

      Options:
        -D, --debug                 Enable debug mode
        -s, --storage-path string   Where the store is (default "/store")

      Commands:
        ls   do ls

      Run 'docker compose COMMAND --help' for more information on a command.
      "
    `)
    expect((await runLine(dockerCompose, 'ls --help', commands)).stdout).toMatchInlineSnapshot(`
      "
      Usage:  docker compose ls [OPTIONS] [NAME...]

      do ls

      More about it.

      Options:
        -f, --filter k=v     Filter
        -q, --quiet          Only names
        -t, --timeout int    Seconds to wait (default 10)
            --token string   Credential
      "
    `)
  })

  it('versions have the shape scripts know', async () => {
    const lines = await Promise.all(
      [dockerMachine, swarm, dockerCompose, flotilla].map(
        async (personality) => (await runLine(personality, '-v')).stdout,
      ),
    )
    expect(lines).toEqual([
      'docker-machine version 0.16.2, build flotilla-0.1.0\n',
      'swarm version 1.2.9 (flotilla-0.1.0)\n',
      'Docker Compose version v2.40.3\n',
      'flotilla version 0.1.0, build dev\n',
    ])
  })
})

describe('the log of a command', () => {
  const talks = (name: string): Command[] => [
    command(name, async (ctx) => {
      ctx.log.debug('details')
      ctx.log.info('working', { host: 'm 1' })
      ctx.log.warn('careful')
      ctx.log.error('bad')
    }),
  ]

  it('docker-machine writes bare lines, information on stdout', async () => {
    expect(await runLine(dockerMachine, 'ls', talks('ls'))).toEqual({
      code: 0,
      stdout: 'working host="m 1"\ncareful\n',
      stderr: 'bad\n',
    })
    expect((await runLine(dockerMachine, '-D env', talks('env'))).stdout).toBe('')
  })

  it('so does a group of flotilla that says so', async () => {
    const machine: Command = {
      name: 'machine',
      brief: 'Hosts',
      flags: {},
      args: [],
      commands: [...talks('ls'), ...talks('env')],
      hasPlainLog: true,
    }
    expect(await runLine(flotilla, 'machine ls', [machine])).toEqual({
      code: 0,
      stdout: 'working host="m 1"\ncareful\n',
      stderr: 'bad\n',
    })
    expect((await runLine(flotilla, 'machine env', [machine])).stdout).toBe('')
  })

  it('the others write key-value lines on stderr', async () => {
    expect(await runLine(swarm, 'ls', talks('ls'))).toEqual({
      code: 0,
      stdout: '',
      stderr:
        'time="2026-01-02T03:04:05Z" level=info msg="working" host="m 1"\n' +
        'time="2026-01-02T03:04:05Z" level=warning msg="careful"\n' +
        'time="2026-01-02T03:04:05Z" level=error msg="bad"\n',
    })
  })
})

describe('credentials in flags of a driver', () => {
  const driverFlags = {
    'cloud-api-key': { kind: 'string', brief: 'Key' },
    'cloud-key-file': { kind: 'string', brief: 'File' },
  } as const
  const create = command(
    'create',
    async (ctx, flags) => {
      ctx.log.info(`asking with ${String(flags['cloud-api-key'])}`)
      throw new FlotillaError(
        'machine/driver',
        `refused ${String(flags['cloud-api-key'])} of ${String(flags['cloud-key-file'])}`,
      )
    },
    { moreFlags: async () => driverFlags },
  )

  it('stand neither in errors nor in what is logged; where one lies does', async () => {
    expect(await runLine(dockerMachine, 'create --cloud-api-key k1k2k3k4 --cloud-key-file /keys/a', [create])).toEqual({
      code: 1,
      stdout: 'asking with ***\n',
      stderr: 'refused *** of /keys/a\n',
    })
  })
})

it('warnings of a command whose output is data go to stderr', async () => {
  const warns = command('ip', async (ctx) => {
    ctx.log.warn('careful')
    ctx.stdout.write('192.0.2.1\n')
  })
  expect(await runLine(dockerMachine, 'ip', [warns])).toEqual({ code: 0, stdout: '192.0.2.1\n', stderr: 'careful\n' })
})

describe('a current folder that has been deleted', () => {
  const readsFolder: Body = async (ctx) => void ctx.stdout.write(ctx.cwd)
  const runThere = async (line: string): Promise<readonly [number, string, string]> => {
    const { world, sent } = makeStage(line.split(' '))
    const commands = [command('ls', echo), command('here', readsFolder)]
    const code = await run({ personality: flotilla, globals, commands }, { ...world, cwd: undefined })
    return [code, sent.stdout, sent.stderr]
  }

  it('matters to no command that does without it', async () => {
    expect(await runThere('--version')).toMatchObject([0, expect.stringContaining('flotilla'), ''])
    expect((await runThere('ls'))[0]).toBe(0)
  })

  it('is named by one that needs it', async () => {
    const [code, stdout, stderr] = await runThere('here')
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain('the current folder has been deleted')
  })
})
