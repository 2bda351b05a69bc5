import { FlotillaError } from '../core/errors.ts'
import { baseConfig } from '../machine/driver.ts'
import type { Driver, DriverConfig, DriverContext, DriverFactory, EngineSetup, HostState } from '../machine/driver.ts'

/** What a test sees of a fake machine and may change. */
export interface FakeMachine {
  state: HostState
  url: string
  /** Calls in order, `precheck`, `create`, … */
  readonly calls: string[]
  /** Fails the named call with this error. */
  failures: Readonly<Record<string, Error>>
  /** Runs inside the named call, after it was noted. */
  readonly during: Map<string, () => Promise<void>>
  setup: EngineSetup | undefined
}

/** A machine that has not been made yet. */
export function fakeMachine(): FakeMachine {
  return { state: '', url: 'tcp://192.0.2.1:2376', calls: [], failures: {}, during: new Map(), setup: undefined }
}

/** A driver whose machine is a record in memory; it runs its engine itself, as `local` does. */
export function fakeDriverFactory(machine: FakeMachine): DriverFactory {
  return {
    async configure(ctx, options) {
      if (options['fake-wrong'] === true) throw new FlotillaError('machine/driver', 'wrong flags')
      return baseConfig(ctx)
    },
    create: (ctx, config) => fakeDriver(machine, config, ctx),
  }
}

function fakeDriver(machine: FakeMachine, initial: DriverConfig, ctx: DriverContext): Driver {
  let config = initial
  async function call(name: string, next?: HostState): Promise<void> {
    machine.calls.push(name)
    await machine.during.get(name)?.()
    const failure = machine.failures[name]
    if (failure !== undefined) throw failure
    if (next !== undefined) machine.state = next
  }
  return {
    precheck: () => call('precheck'),
    async create() {
      config = { ...config, Id: 'half-made' }
      await ctx.checkpoint?.(config)
      await call('create', 'Running')
      config = { ...config, Id: 'made', IPAddress: '192.0.2.1' }
    },
    state: async () => machine.state,
    start: () => call('start', 'Running'),
    stop: () => call('stop', 'Stopped'),
    kill: () => call('kill', 'Stopped'),
    restart: () => call('restart', 'Running'),
    remove: () => call('remove', ''),
    address: async () => '192.0.2.1',
    ssh: () => undefined,
    async engineUrl() {
      if (machine.state !== 'Running') throw new FlotillaError('machine/state', 'Host is not running')
      await call('engineUrl')
      return machine.url
    },
    toConfig: () => config,
    async configureEngine(setup) {
      machine.setup = setup
      await call('configureEngine')
    },
  }
}
