import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseExactJson, renderExactJson } from '../../src/core/exact-json.ts'
import { silentLog } from '../../src/core/log.ts'
import { systemClock } from '../../src/io/clock.ts'
import type {
  Driver,
  DriverConfig,
  DriverContext,
  DriverDescriptor,
  DriverFactory,
  DriverOptions,
} from '../../src/machine/driver.ts'
import { baseConfig } from '../../src/machine/driver.ts'

/** How a driver is to be tried. */
export interface DriverTrial {
  /** Flags that make a machine; asked for once everything of the test is up. */
  readonly options: () => DriverOptions
  /** Flags that must be refused, and what the message says. */
  readonly refused: readonly (readonly [DriverOptions, RegExp])[]
  /** A real machine may be made here. */
  readonly isLive: boolean
  /** What a machine needs that may be missing, for the name of what is then skipped. */
  readonly needs?: string
  /** False for drivers that adopt: start, stop and kill are refused with `machine/driver`. */
  readonly canSwitch: boolean
  readonly env?: Readonly<Record<string, string>>
  /** Ends the running machine behind the driver's back, as a crash or another tool would. */
  readonly endOutside?: (config: DriverConfig) => Promise<void>
}

const o = {}

/** Through the store and back: numbers that no double holds stay as they were written. */
function store(config: DriverConfig): DriverConfig {
  return parseExactJson(renderExactJson(config)) as DriverConfig
}

/** Every default of a driver's flags, as `create` passes them. */
export function defaultOptions(descriptor: DriverDescriptor): DriverOptions {
  const values = Object.entries(descriptor.flags).map(([name, flag]) => {
    if (flag.default !== undefined) return [name, flag.default] as const
    return [name, flag.kind === 'boolean' ? false : flag.kind === 'strings' ? [] : undefined] as const
  })
  return Object.fromEntries(values)
}

/** What every driver promises. */
export function testDriver(descriptor: DriverDescriptor, trial: DriverTrial): void {
  describe(`driver ${descriptor.name}`, () => {
    let root: string
    let factory: DriverFactory
    let ctx: DriverContext

    beforeAll(async () => {
      root = mkdtempSync(join(tmpdir(), 'driver-'))
      factory = await descriptor.load()
      ctx = {
        machineName: 'trial',
        storePath: root,
        machinePath: mkdtempSync(join(root, 'machine-')),
        log: silentLog,
        clock: systemClock,
        random: { next: () => 0.5 },
        env: { ...process.env, ...trial.env },
      }
    })
    afterAll(() => rmSync(root, { recursive: true, force: true }))

    async function configure(more: DriverOptions = {}): Promise<ReturnType<Driver['toConfig']>> {
      return factory.configure(ctx, { ...defaultOptions(descriptor), ...trial.options(), ...more })
    }

    it('describes itself with plain data: version 1, a line of help and upper-case variables for every flag', () => {
      expect(descriptor.apiVersion).toBe(1)
      expect(descriptor.name).toMatch(/^[a-z][a-z0-9-]*$/)
      for (const [name, flag] of Object.entries(descriptor.flags)) {
        expect(name).toMatch(/^[a-z0-9][a-z0-9-]*$/)
        expect(flag.brief, name).not.toBe('')
        for (const variable of flag.env ?? []) expect(variable).toMatch(/^[A-Z][A-Z0-9_]*$/)
      }
    })

    it('a new state starts with the nine base fields in their order, and making it changes nothing', async () => {
      const before = readdirSync(root, { recursive: true })
      const config = await configure()
      expect(Object.keys(config).slice(0, 9)).toEqual(Object.keys(baseConfig(ctx)))
      expect(config).toMatchObject({ MachineName: 'trial', StorePath: root })
      expect(readdirSync(root, { recursive: true })).toEqual(before)
    })

    it('refuses flags that make no sense, saying which', async () => {
      for (const [options, message] of trial.refused) {
        await expect(configure(options)).rejects.toMatchObject({
          code: expect.stringMatching(/^(?:machine\/driver|cli\/invalid-value)$/),
          message: expect.stringMatching(message),
        })
      }
    })

    it('a state survives the store, with fields the driver does not know', async () => {
      const config = { ...(await configure()), Foreign: { deep: [1, null, 'x'] } }
      const driver = factory.create(ctx, store(config))
      expect(driver.toConfig()).toEqual(config)
      expect(Object.keys(driver.toConfig())).toEqual(Object.keys(config))
    })

    it('a state of docker-machine with nothing but base fields opens', () => {
      const driver = factory.create(ctx, { ...baseConfig(ctx), IPAddress: '192.0.2.1' })
      expect(driver.toConfig()).toMatchObject({ IPAddress: '192.0.2.1' })
    })

    describe.runIf(trial.isLive)(
      `with a real machine${trial.needs === undefined ? '' : ` (needs ${trial.needs})`}`,
      () => {
        let driver: Driver

        const isCutOff = async (): Promise<void> => {
          const initial = await configure()
          const cut = new Error('cut off')
          const checkpoint = (): Promise<never> => Promise.reject(cut)
          // Drivers without a checkpoint have nothing that could be left behind.
          const failed = await factory
            .create({ ...ctx, checkpoint }, initial)
            .create(o)
            .catch((error: unknown) => error)
          expect(failed).toBe(cut)
          // The record is still what it was before: a crash leaves no time to write another.
          const rest = factory.create(ctx, JSON.parse(JSON.stringify(initial)))
          await rest.remove(o)
          await rest.remove(o)
          expect(await rest.state(o)).toBe('')
        }
        if (trial.canSwitch) it('cut off in the middle of its making, is removed and can be made anew', isCutOff)

        it('passes its checks, is made and runs', async () => {
          driver = factory.create(ctx, await configure())
          await driver.precheck(o)
          await driver.create(o)
          expect(await driver.state(o)).toBe('Running')
          expect(await driver.address(o)).not.toBe('')
          expect(await driver.engineUrl(o)).toMatch(/^[a-z]+:\/\/\S+$/)
        })

        it('is found again through its stored state', async () => {
          const again = factory.create(ctx, store(driver.toConfig()))
          expect(await again.state(o)).toBe('Running')
          expect(await again.address(o)).toBe(await driver.address(o))
          driver = again
        })

        const refusesSwitching = async (): Promise<void> => {
          for (const action of ['start', 'stop', 'kill'] as const) {
            await expect(driver[action](o), action).rejects.toMatchObject({ code: 'machine/driver' })
          }
        }

        const stopsAndStarts = async (): Promise<void> => {
          const address = await driver.address(o)
          await driver.stop(o)
          await driver.stop(o)
          expect(await driver.state(o)).toBe('Stopped')
          await expect(driver.engineUrl(o)).rejects.toThrow('Host is not running')
          expect(await driver.address(o)).toBe(address)
          await driver.start(o)
          await driver.start(o)
          expect(await driver.state(o)).toBe('Running')
          expect(await driver.address(o)).toBe(address)
        }

        const isKilledAndRestarted = async (): Promise<void> => {
          await driver.kill(o)
          expect(await driver.state(o)).toBe('Stopped')
          await driver.restart(o)
          expect(await driver.state(o)).toBe('Running')
        }

        const { endOutside } = trial
        const isEndedOutside = async (): Promise<void> => {
          await endOutside?.(driver.toConfig())
          expect(await driver.state(o)).toBe('Stopped')
          await driver.kill(o)
          await driver.start(o)
          expect(await driver.state(o)).toBe('Running')
          expect(await driver.engineUrl(o)).toMatch(/^[a-z]+:\/\/\S+$/)
        }

        if (trial.canSwitch) {
          it('stops, has no address for the engine then, and starts again where it was', stopsAndStarts)
          it('is killed and restarted', isKilledAndRestarted)
          if (endOutside !== undefined) it('ended by somebody else, is stopped and starts again', isEndedOutside)
        } else {
          it('refuses to be switched on and off', refusesSwitching)
        }

        it('is removed, twice without complaint', async () => {
          await driver.remove(o)
          await driver.remove(o)
          if (trial.canSwitch) expect(await driver.state(o)).not.toBe('Running')
        })
      },
    )
  })
}
