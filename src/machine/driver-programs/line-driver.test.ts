import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterEach, beforeAll, afterAll, describe, expect, it } from 'vitest'
import { toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { systemClock } from '../../io/clock.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { baseConfig } from '../driver.ts'
import type { DriverConfig, DriverContext } from '../driver.ts'
import type { DriverProgram } from './driver-program.ts'
import { lineDriverProgram } from './line-driver.ts'

/** What the program does with each request; `say` answers, `message` is the request. */
const script = `#!${process.execPath}
const readline = require('node:readline')
const fs = require('node:fs')
const say = (line) => process.stdout.write(JSON.stringify(line) + '\\n')
const lines = readline.createInterface({ input: process.stdin })
const cancelled = new Map()
let open = 0
let most = 0
lines.on('line', (line) => {
  const message = JSON.parse(line)
  if (message.cancel !== undefined) return cancelled.get(message.cancel)?.()
  const { id, method, config = {}, options = {}, machine } = message
  const kind = config.Kind ?? options['test-kind'] ?? ''
  if (method === 'describe') {
    const description = process.env.DESCRIPTION
    return say({ id, result: description ? JSON.parse(description) : { protocol: 1, concurrency: 2, flags: [
      { name: 'test-kind', brief: 'What to do', default: 'fine', env: 'TEST_KIND' },
      { name: 'test-count', kind: 'integer', brief: 'A number', default: 3 },
      { name: 'test-list', kind: 'strings', brief: 'A list', default: ['a'] },
      { name: 'test-token', brief: 'A secret', secret: true },
    ] } })
  }
  if (method === 'configure') {
    if (kind === 'bad') return say({ id, error: { message: 'no such kind', hint: 'try fine' } })
    return say({ id, result: { Kind: kind, Options: options, Folder: machine.folder } })
  }
  if (method === 'create') {
    say({ id, log: 'info', message: 'making ' + machine.name })
    say({ id, log: 'debug', message: 'in ' + process.pid })
    say({ id, config: { Half: true } })
    if (kind === 'crash') { console.error('out of paint'); return process.exit(4) }
    if (kind === 'garbage') return process.stdout.write('hello\\n')
    if (kind === 'stubborn') return
    if (kind === 'slow') return cancelled.set(id, () => { say({ id, config: { Stopped: true } }); say({ id, error: { message: 'cancelled' } }) })
    return say({ id, config: { Half: null, Whole: true }, result: null })
  }
  if (method === 'state') {
    open += 1
    most = Math.max(most, open)
    setTimeout(() => { open -= 1; say({ id, result: kind === 'odd' ? 'Sleeping' : 'Running' }) }, 30)
    return
  }
  if (method === 'address') return say({ id, result: String(most) + ' ' + process.pid })
  if (method === 'url') return say({ id, error: { message: 'it sleeps', code: 'not-running' } })
  if (method === 'ssh') return say({ id, result: kind === 'odd' ? null : { host: 'h', user: 'u', port: 23, keyPath: '/k' } })
  if (method === 'remove') return say({ id, error: 'cannot' })
  say({ id, result: null })
})
`

let folder: string
let program: DriverProgram
const said: string[] = []
const log: Log = {
  debug: (text) => void said.push(`debug ${text}`),
  info: (text) => void said.push(`info ${text}`),
  warn: (text) => void said.push(`warn ${text}`),
  error: (text) => void said.push(`error ${text}`),
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'line-driver-'))
  writeFileSync(join(folder, 'flotilla-driver-test'), script)
  chmodSync(join(folder, 'flotilla-driver-test'), 0o755)
})
afterEach(async () => {
  await program.close()
  said.length = 0
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function open(env: Readonly<Record<string, string>> = {}, clock = systemClock): DriverProgram {
  const all = { ...process.env, ...env }
  program = lineDriverProgram('test', join(folder, 'flotilla-driver-test'), { env: all, clock })
  return program
}

function context(more: Partial<DriverContext> = {}): DriverContext {
  const paths = { machineName: 'm1', storePath: '/store', machinePath: '/store/machines/m1' }
  return { ...paths, log, clock: systemClock, random: { next: () => 0 }, env: {}, ...more }
}

async function problem(body: Promise<unknown>): Promise<string> {
  return body.then(
    () => 'no problem',
    (error: unknown) => toMessage(error),
  )
}

async function make(
  kind: string,
  ctx = context(),
): Promise<ReturnType<Awaited<ReturnType<DriverProgram['load']>>['create']>> {
  const factory = await program.load()
  return factory.create(ctx, await factory.configure(ctx, { 'test-kind': kind, foreign: 'x' }))
}

describe('a driver program that talks in lines', () => {
  it('says what flags it has', async () => {
    expect(await open().findFlags()).toEqual({
      'test-kind': { kind: 'string', brief: 'What to do', default: 'fine', env: ['TEST_KIND'] },
      'test-count': { kind: 'integer', brief: 'A number', default: 3 },
      'test-list': { kind: 'strings', brief: 'A list', default: ['a'] },
      'test-token': { kind: 'string', brief: 'A secret', isSecret: true },
    })
  })

  it.each([
    ['{"flags": []}', '"protocol" is missing, this program knows 1'],
    ['{"protocol": 2}', '"protocol" is 2, this program knows 1'],
    ['{"protocol": 1, "concurrency": 0}', '"concurrency" is not a number above 0'],
    ['{"protocol": 1, "flags": {}}', '"flags" is not a list'],
    ['{"protocol": 1, "flags": [{"name": "A B"}]}', 'a flag is called "A B"'],
    ['{"protocol": 1, "flags": [{"name": "a"}]}', 'flag "a" has no "brief"'],
    [
      '{"protocol": 1, "flags": [{"name": "a", "brief": "b", "kind": "date"}]}',
      'flag "a" is of kind "date", which is none of',
    ],
    [
      '{"protocol": 1, "flags": [{"name": "a", "brief": "b", "default": 1}]}',
      '"default" of flag "a" is not of kind string',
    ],
  ])('description %s is refused', async (description, text) => {
    expect(await problem(open({ DESCRIPTION: description }).findFlags())).toContain(
      `driver program "flotilla-driver-test": its description is wrong: ${text}`,
    )
  })

  it('gets its own flags, and its state starts with the nine base fields', async () => {
    open()
    const driver = await make('fine')
    expect(driver.toConfig()).toEqual({
      ...baseConfig(context()),
      Kind: 'fine',
      Options: { 'test-kind': 'fine' },
      Folder: '/store/machines/m1',
    })
    expect(await problem(make('bad'))).toBe('no such kind')
  })

  it('shows progress, keeps what it learns on the way and what it does not know', async () => {
    open()
    const kept: DriverConfig[] = []
    const ctx = context({ checkpoint: async (config) => void kept.push(config) })
    const driver = await make('fine', ctx)
    await driver.create({})
    expect(said).toEqual(['info making m1', expect.stringMatching(/^debug in \d+$/)])
    expect(kept.map(({ Half: half, Whole: whole }) => ({ half, whole }))).toEqual([
      { half: true, whole: undefined },
      { half: undefined, whole: true },
    ])
    expect(driver.toConfig()).toMatchObject({ Whole: true, Kind: 'fine' })
    expect(driver.toConfig()).not.toHaveProperty('Half')
  })

  it('answers what it is asked', async () => {
    open()
    const driver = await make('fine')
    expect(await driver.state({})).toBe('Running')
    expect(await driver.ssh()).toEqual({ host: 'h', user: 'u', port: 23, keyPath: '/k' })
    await expect(driver.engineUrl({})).rejects.toMatchObject({ code: 'machine/state', message: 'Host is not running' })
    await expect(driver.remove({})).rejects.toMatchObject({ code: 'machine/driver', message: 'cannot' })
    const odd = await make('odd')
    expect(await odd.ssh()).toBeUndefined()
    expect(await problem(odd.state({}))).toBe('driver program "flotilla-driver-test": there is no state "Sleeping"')
  })

  it('one process serves all machines, with no more requests at once than it takes', async () => {
    open()
    const factory = await program.load()
    const drivers = Array.from({ length: 12 }, (_, at) =>
      factory.create(context({ machineName: `m${at}` }), { ...baseConfig(context()), Kind: 'fine' }),
    )
    await Promise.all(drivers.map((driver) => driver.state({})))
    const answers = await Promise.all(drivers.map((driver) => driver.address({})))
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toMatch(/^2 \d+$/)
  })

  it('that dies in the middle is named, with its last words; the next call starts it anew', async () => {
    open()
    const driver = await make('crash')
    expect(await problem(driver.create({}))).toBe(
      'driver program "flotilla-driver-test": it ended in the middle of create: exit code 4: out of paint',
    )
    expect(driver.toConfig()).toMatchObject({ Half: true })
    expect(await driver.state({})).toBe('Running')
  })

  it('that prints something else is ended', async () => {
    open()
    const driver = await make('garbage')
    expect(await problem(driver.create({}))).toBe(
      'driver program "flotilla-driver-test": its output has the line "hello": it is not JSON',
    )
  })

  it('a cancelled creation leaves the state that the program had by then', async () => {
    open()
    const driver = await make('slow')
    const stop = new AbortController()
    const created = problem(driver.create({ signal: stop.signal }))
    await expect.poll(() => driver.toConfig()['Half']).toBe(true)
    stop.abort()
    expect(await created).toBe('the operation was cancelled')
    expect(driver.toConfig()).toMatchObject({ Half: true, Stopped: true })
    expect(await driver.state({})).toBe('Running')
  })

  it('one that is silent or does not let itself be cancelled is ended', async () => {
    const clock = manualClock()
    open({}, clock)
    const driver = await make('stubborn')
    const silent = problem(driver.create({}))
    await expect.poll(() => driver.toConfig()['Half']).toBe(true)
    await clock.advance(900_000)
    expect(await silent).toBe('driver program "flotilla-driver-test": no word about create for 900 s')
    const stop = new AbortController()
    const cancelled = problem(driver.create({ signal: stop.signal }))
    await expect.poll(() => said.filter((line) => line === 'info making m1').length).toBe(2)
    stop.abort()
    await expect
      .poll(async () => {
        await clock.advance(1000)
        return Promise.race([cancelled, Promise.resolve('still waiting')])
      })
      .toBe('the operation was cancelled')
  })

  it('a program that is not there or ends at once is an error', async () => {
    program = lineDriverProgram('none', join(folder, 'nowhere'), { env: {}, clock: systemClock })
    expect(await problem(program.findFlags())).toBe(
      'driver program "nowhere": it ended in the middle of describe: no such program',
    )
  })
})
