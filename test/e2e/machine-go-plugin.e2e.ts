import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { toMessage } from '../../src/core/errors.ts'
import type { Log } from '../../src/core/log.ts'
import { execProgram } from '../../src/io/exec.ts'
import { systemClock } from '../../src/io/clock.ts'
import { readText } from '../../src/machine/driver.ts'
import type { Driver, DriverContext, DriverOptions } from '../../src/machine/driver.ts'
import type { DriverProgram } from '../../src/machine/driver-programs/driver-program.ts'
import { openDriverProgram } from '../../src/machine/driver-programs/find.ts'
import { gobBytes } from '../../src/core/gob/type.ts'
import { openGoSession } from '../../src/machine/driver-programs/go-session.ts'
import { goDriverProgram } from '../../src/machine/driver-programs/go-driver.ts'
import { defaultOptions, testDriver } from '../conformance/driver.ts'
import { goProgram, runGoProgram } from './go-programs.ts'

/**
 * A real plug-in in Go, built here from test/fixtures/go-driver: what it says, and every way it can fail.
 */

const folder = mkdtempSync(join(tmpdir(), 'go-plugin-'))
const path = join(folder, 'docker-machine-driver-trial')
// Built before the tests are listed: the suite looks at the flags.
goProgram('go-driver', path)
const program = await openDriverProgram(path, { env: process.env, clock: systemClock })
const opened: DriverProgram[] = [program]
const said: string[] = []
const log: Log = {
  debug: (text) => void said.push(`debug ${text}`),
  info: (text) => void said.push(`info ${text}`),
  warn: (text) => void said.push(`warn ${text}`),
  error: (text) => void said.push(`error ${text}`),
}

beforeEach(() => void said.splice(0))
afterAll(async () => {
  await Promise.all(opened.map((program) => program.close()))
  rmSync(folder, { recursive: true, force: true })
})

function open(fault = ''): DriverProgram {
  const env = { ...process.env, TRIAL_PLUGIN_FAULT: fault }
  const program = goDriverProgram('trial', path, { env, clock: systemClock })
  opened.push(program)
  return program
}

function context(name = 'm1', env: Readonly<Record<string, string>> = {}): DriverContext {
  const all = { ...process.env, ...env }
  return {
    machineName: name,
    storePath: folder,
    machinePath: folder,
    log,
    clock: systemClock,
    random: { next: () => 0 },
    env: all,
  }
}

async function make(program: DriverProgram, options: DriverOptions = {}, name = 'm1'): Promise<Driver> {
  const factory = await program.load()
  const flags = { ...defaultOptions({ ...program, flags: await program.findFlags() }), ...options }
  return factory.create(context(name), await factory.configure(context(name), flags))
}

/** The lines of the driver itself, without its debugging. */
const shown = (): readonly string[] => said.filter((line) => line.startsWith('info '))

async function problem(body: Promise<unknown>): Promise<string> {
  return body.then(
    () => 'no problem',
    (error: unknown) => toMessage(error),
  )
}

/** Processes of the plug-in that are still there. */
async function countProcesses(): Promise<number> {
  const result = await execProgram(['pgrep', '-fc', path], { clock: systemClock })
  return Number(result.stdout.trim())
}

testDriver(program, {
  options: () => ({}),
  refused: [
    [{ 'trial-size': '' }, /^trial driver requires the --trial-size option$/],
    [{ 'trial-fault': 'configure:error' }, /^no configure today$/],
  ],
  isLive: true,
  canSwitch: true,
})

describe('a plug-in in Go', () => {
  it('gob: what Go writes today is what the vectors hold', () => {
    const kept = readFileSync(resolve(import.meta.dirname, '../fixtures/go-vectors/vectors.txt'), 'utf8')
    expect(runGoProgram('go-vectors')).toBe(kept)
  })

  it('shows its flags of every kind', async () => {
    expect(await open().findFlags()).toEqual({
      'trial-size': { kind: 'string', brief: 'Size of the machine', env: ['TRIAL_SIZE'], default: 'small' },
      'trial-fault': { kind: 'string', brief: 'What is to go wrong, STEP:KIND', default: '' },
      'trial-count': { kind: 'integer', brief: 'A number', env: ['TRIAL_COUNT'], default: 3 },
      'trial-offset': { kind: 'integer', brief: 'Another number', default: 0 },
      'trial-fast': { kind: 'boolean', brief: 'Be quick', env: ['TRIAL_FAST'] },
      'trial-zone': { kind: 'strings', brief: 'Zones', env: ['TRIAL_ZONE'], default: ['a', 'b'] },
      'trial-tag': { kind: 'strings', brief: 'Tags', default: [] },
      'trial-ip': { kind: 'string', brief: 'Address of a host that is there already', default: '127.0.0.1' },
      'trial-ssh-key': { kind: 'string', brief: 'Key of that host', default: '' },
      'trial-engine': { kind: 'string', brief: 'Address of an engine that runs already', default: '' },
    })
  })

  it('gets every option with its Go type, and the shared ones that docker-machine gives', async () => {
    const driver = await make(open(), {
      'trial-count': -7,
      'trial-fast': true,
      'trial-zone': ['x', 'y z', ''],
      'swarm-master': false,
      'engine-install-url': 'https://get.docker.com',
      'engine-label': ['a=b'],
      'engine-opt': [],
      'no-such': 'thing',
    })
    expect(readText(driver.toConfig(), 'Seen').split('\n')).toEqual([
      'driver string trial',
      'engine-install-url string https://get.docker.com',
      'engine-label []string [a=b]',
      'swarm-master bool false',
      'trial-count int -7',
      'trial-engine string ',
      'trial-fast bool true',
      'trial-fault string ',
      'trial-ip string 127.0.0.1',
      'trial-offset int 0',
      'trial-size string small',
      'trial-ssh-key string ',
      'trial-tag []string []',
      'trial-zone []string [x y z ]',
    ])
    expect(driver.toConfig()).toMatchObject({ Count: -7, Fast: true, Zones: ['x', 'y z', ''], SSHUser: '' })
  })

  it('its state comes back as it was: huge numbers, fields it leaves out, fields it does not know', async () => {
    const program = open()
    const driver = await make(program, { 'trial-size': 'huge' }, 'round')
    await driver.precheck({})
    await driver.create({})
    expect(driver.toConfig()).toMatchObject({ Note: 'made', Serial: { text: '18446744073709551557' } })
    const stored = { ...driver.toConfig(), Foreign: { deep: [1] } }
    const again = (await program.load()).create(context('round'), stored)
    await again.stop({})
    expect(again.toConfig()).not.toHaveProperty('Note')
    expect(again.toConfig()).toMatchObject({ Foreign: { deep: [1] }, Serial: { text: '18446744073709551557' } })
    expect(Object.keys(again.toConfig()).slice(0, 2)).toEqual(['IPAddress', 'MachineName'])
    expect(shown()).toEqual(['info precheck huge', 'info create huge', 'info stop huge'])
    expect(said).toContain('debug about to create')
    const unchanged = (await program.load()).create(context('round'), again.toConfig())
    const before = unchanged.toConfig()
    await unchanged.start({})
    expect(unchanged.toConfig()).toBe(before)
  })

  it('passes errors on, with what was made by then', async () => {
    const driver = await make(open(), { 'trial-fault': 'create:part' })
    await expect(driver.create({})).rejects.toMatchObject({
      code: 'machine/driver',
      message: 'no room for the other half',
    })
    expect(driver.toConfig()).toMatchObject({ Note: 'half made' })
    const url = await make(open(), { 'trial-fault': 'url:error' })
    expect(await problem(url.engineUrl({}))).toBe('no url today')
    const panic = await make(open(), { 'trial-fault': 'create:panic' })
    expect(await problem(panic.create({}))).toBe('Panic in the driver: the sky fell in create')
    expect(await panic.state({})).toBe('')
  })

  it.each([
    ['create:exit', 'it died in the middle of Create: unexpected EOF (exit code 7: about to create)'],
    ['create:goroutine', 'it died in the middle of Create: unexpected EOF (exit code 2: panic: a loose goroutine)'],
  ])('%s: its death is told with plug-in, method and last words', async (fault, text) => {
    const driver = await make(open(), { 'trial-fault': fault })
    expect(await problem(driver.create({}))).toBe(`driver plug-in "docker-machine-driver-trial": ${text}`)
    expect(driver.toConfig()).toMatchObject({ MachineName: 'm1' })
    expect(await driver.state({})).toBe('')
  })

  it(
    'heartbeats keep a long call alive and tell of a plug-in that stands still; a line may be a megabyte long',
    {
      timeout: 120_000,
    },
    async () => {
      const frozen = await make(open(), { 'trial-fault': 'create:freeze' })
      const slow = await make(open(), { 'trial-fault': 'create:sleep' })
      const chatty = await make(open(), { 'trial-fault': 'start:line' }, 'm2')
      const [text] = await Promise.all([problem(frozen.create({})), slow.create({}), chatty.start({})])
      expect(text).toBe('driver plug-in "docker-machine-driver-trial": it has not answered for 30 s while Create ran')
      expect(await slow.state({})).toBe('Running')
      expect(said.map((line) => line.length)).toContain(1024 * 1024 + 'info '.length)
    },
  )

  it('a creation that is given up tells what it has made, and is over', async () => {
    const program = open()
    const driver = await make(program, { 'trial-fault': 'create:hang' }, 'given-up')
    const stop = new AbortController()
    const created = problem(driver.create({ signal: stop.signal }))
    await expect.poll(async () => readState('given-up'), { timeout: 20_000 }).toBe('hanging')
    stop.abort()
    expect(await created).toBe('the operation was cancelled')
    expect(driver.toConfig()).toMatchObject({ Note: 'half made' })
    await driver.remove({})
    await program.close()
  })

  it('given the state of another machine it keeps what that leaves out: one process can hold one machine only', async () => {
    const session = await openGoSession({ path, driverName: 'trial', env: process.env, clock: systemClock, log }, {})
    try {
      const give = async (state: string): Promise<void> => {
        await session.call('SetConfigRaw', {}, { type: gobBytes, value: Buffer.from(state) })
      }
      await give('{"MachineName": "one", "Note": "belongs to one", "IPAddress": "192.0.2.1"}')
      await give('{"MachineName": "two"}')
      const state = (await session.call('GetConfigRaw')) as Uint8Array
      expect(JSON.parse(Buffer.from(state).toString())).toMatchObject({
        MachineName: 'two',
        Note: 'belongs to one',
        IPAddress: '192.0.2.1',
      })
    } finally {
      await session.close()
    }
  })

  it(
    'many machines are asked side by side, each by a process of its own, never too many, and none is left',
    { timeout: 60_000 },
    async () => {
      const program = open()
      const first = await make(program, {}, 'many')
      await first.create({})
      const factory = await program.load()
      const drivers = Array.from({ length: 40 }, (_, at) =>
        factory.create(context('many'), { ...first.toConfig(), IPAddress: `192.0.2.${at}` }),
      )
      let most = 0
      const asked = new AbortController()
      const watch = (async () => {
        for (let turn = 0; turn < 6 || !asked.signal.aborted; turn += 1) {
          most = Math.max(most, await countProcesses())
          await systemClock.sleep(100)
        }
      })()
      const urls = await Promise.all(drivers.map((driver) => driver.engineUrl({}))).finally(() => asked.abort())
      await watch
      expect(urls).toEqual(drivers.map((_, at) => `tcp://192.0.2.${at}:2376`))
      expect(most).toBeGreaterThan(1)
      await Promise.all(opened.map((each) => each.close()))
      expect(await countProcesses()).toBe(0)
    },
  )
})

function readState(name: string): string {
  try {
    return readFileSync(join(folder, `trial-${name}.state`), 'utf8')
  } catch {
    return ''
  }
}

describe('a plug-in that is wrong as a whole', () => {
  it.each([
    ['version', 'driver plug-in "docker-machine-driver-trial": Driver binary uses an incompatible API version (2)'],
    ['banner', 'driver plug-in "docker-machine-driver-trial": its first line is "Welcome to the trial driver"'],
    ['exit', 'driver plug-in "docker-machine-driver-trial": it ended at once: exit code 3: no licence found'],
    ['deaf', 'driver plug-in "docker-machine-driver-trial": dial tcp 127.0.0.1:1: connect: connection refused'],
    ['silent', 'driver plug-in "docker-machine-driver-trial": Failed to dial the plugin server in 10s'],
    [
      'flag',
      'driver plug-in "docker-machine-driver-trial": its flag --trial-ratio is a *mcnflag.FloatFlag, which is not known',
    ],
  ])('%s', async (fault, text) => {
    expect(await problem(open(fault).findFlags())).toBe(text)
  })

  it('one from before docker-machine 0.5.1 answers under the older name', async () => {
    expect(Object.keys(await open('old').findFlags())).toHaveLength(10)
  })

  it('none of them is left behind', async () => {
    await Promise.all(opened.map((program) => program.close()))
    await expect.poll(countProcesses, { timeout: 10_000 }).toBe(0)
  })
})
