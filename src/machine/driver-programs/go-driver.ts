import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import { parseExactJson, renderExactJson } from '../../core/exact-json.ts'
import type { JsonValue } from '../../core/exact-json.ts'
import type { FlagTable } from '../../core/flag.ts'
import { gobBytes, gobInterface } from '../../core/gob/type.ts'
import type { GobValue } from '../../core/gob/type.ts'
import { silentLog } from '../../core/log.ts'
import { baseConfig } from '../driver.ts'
import type {
  Driver,
  DriverConfig,
  DriverContext,
  DriverFactory,
  DriverOptions,
  HostState,
  SshTarget,
} from '../driver.ts'
import { namingProgram } from './driver-program.ts'
import type { DriverProgram, ProgramContext } from './driver-program.ts'
import { readGoFlags, toGoFlags } from './go-flags.ts'
import { openGoSession } from './go-session.ts'
import type { GoSession } from './go-session.ts'
import { ProcessPool } from './process-pool.ts'
import type { Pooled } from './process-pool.ts'

/** libmachine/state: what the numbers mean. */
const states: readonly HostState[] = [
  '',
  'Running',
  'Paused',
  'Saved',
  'Stopped',
  'Stopping',
  'Starting',
  'Error',
  'Timeout',
]

/** What the plug-in is asked for when nobody can wait any longer. */
const lastLookMs = 5000

/** A plug-in that was given a machine. */
interface LoadedPlugin extends Pooled {
  readonly session: GoSession
  /** Fields of the state that it knows; it drops all others. */
  readonly own: ReadonlySet<string>
}

type Outcome<T> = { readonly kind: 'done'; readonly value: T } | { readonly kind: 'refused'; readonly error: unknown }

/**
 * A `docker-machine-driver-NAME` as a driver. Its process is started when the driver has to be asked, never to read a
 * record. One process holds one machine, as plug-ins expect: they keep clients, credentials and the last server they saw
 * in memory, beside the state that is set.
 */
export function goDriverProgram(name: string, path: string, programs: ProgramContext): DriverProgram {
  const pool = new ProcessPool<LoadedPlugin>(programs.clock)
  const pinned = new Map<string, string>()
  let flags: ReturnType<DriverProgram['findFlags']> | undefined

  async function open(ctx: Surroundings, config: DriverConfig, o: CallOptions): Promise<LoadedPlugin> {
    const { env, clock, log } = ctx
    const session = await openGoSession({ path, driverName: name, env, clock, log }, o)
    try {
      const text = renderExactJson(config)
      await session.call('SetConfigRaw', o, { type: gobBytes, value: Buffer.from(text, 'utf8') })
      await session.call('GetMachineName', o)
      const own = new Set(Object.keys(await readConfig(session, o)))
      return { session, own, isOver: () => session.isOver(), close: () => session.close() }
    } catch (error) {
      await session.close()
      throw error
    }
  }

  async function readFlags(session: GoSession): Promise<FlagTable> {
    const answer = await session.call('GetCreateFlags')
    return namingProgram('driver plug-in', path, () => readGoFlags(answer))
  }

  async function findFlags(): ReturnType<DriverProgram['findFlags']> {
    const ctx = { ...programs, log: silentLog }
    const config = newConfig({ machineName: 'flag-lookup', storePath: '' })
    const found = await pool.use(
      'flag-lookup',
      () => open(ctx, config, {}),
      async ({ session }) => {
        await session.call('DriverName')
        return { key: 'flag-lookup', result: await readFlags(session) }
      },
      {},
    )
    return found
  }

  async function configure(ctx: DriverContext, options: DriverOptions): Promise<DriverConfig> {
    const initial = newConfig(ctx)
    const machine = `${ctx.storePath}\0${ctx.machineName}`
    const config = await pool.use(
      `new\0${machine}`,
      () => open(ctx, initial, {}),
      async ({ session }) => {
        await session.call('DriverName')
        const table = await readFlags(session)
        const value = toGoFlags(table, { driver: name, ...options })
        await session.call('SetConfigFromFlags', {}, { type: gobInterface, value })
        const result = await readConfig(session, {})
        return { key: keyOf(ctx, result), result }
      },
      {},
    )
    // What was set from the flags and is not part of the state must last until the machine is made.
    pool.unpin(pinned.get(machine) ?? '')
    pinned.set(machine, keyOf(ctx, config))
    pool.pin(keyOf(ctx, config))
    return config
  }

  function create(ctx: DriverContext, initial: DriverConfig): Driver {
    let config = initial

    /** The state the plug-in has now, with the fields of the record that it does not know. */
    async function refresh(plugin: LoadedPlugin, o: CallOptions): Promise<void> {
      const fresh = await readConfig(plugin.session, o)
      const kept = Object.entries(config).filter(([field]) => !plugin.own.has(field) && !Object.hasOwn(fresh, field))
      const next = { ...fresh, ...Object.fromEntries(kept) }
      if (renderExactJson(next) !== renderExactJson(config)) config = next
    }

    async function attempt<T>(
      body: (session: GoSession) => Promise<T>,
      isChange: boolean,
      o: CallOptions,
    ): Promise<Outcome<T>> {
      return pool.use<Outcome<T>>(
        keyOf(ctx, config),
        () => open(ctx, config, o),
        async (plugin) => {
          try {
            const value = await body(plugin.session)
            if (isChange) await refresh(plugin, o)
            return { key: keyOf(ctx, config), result: { kind: 'done', value } }
          } catch (error) {
            // What it made so far is needed to take it away again.
            if (isChange && !plugin.isOver()) await refresh(plugin, { deadlineMs: lastLookMs }).catch(() => {})
            if (plugin.isOver() || o.signal?.aborted === true) throw error
            return { key: keyOf(ctx, config), result: { kind: 'refused', error } }
          }
        },
        o,
      )
    }

    async function ask<T>(body: (session: GoSession) => Promise<T>, o: CallOptions): Promise<T> {
      return unwrap(await attempt(body, false, o))
    }

    async function change(method: string, o: CallOptions): Promise<void> {
      unwrap(await attempt((session) => session.call(method, o), true, o))
    }

    /** Plug-ins may refuse what is done already; ours may not. */
    async function bring(method: string, wanted: HostState, o: CallOptions): Promise<void> {
      const outcome = await attempt((session) => session.call(method, o), true, o)
      if (outcome.kind === 'done') return
      if ((await driver.state(o).catch(() => '')) !== wanted) throw outcome.error
    }

    function release(): void {
      pool.unpin(keyOf(ctx, config))
    }

    const driver: Driver = {
      async precheck(o) {
        await change('PreCreateCheck', o).catch((error: unknown) => {
          release()
          throw error
        })
        pool.pin(keyOf(ctx, config))
      },
      async create(o) {
        await change('Create', o).finally(release)
        await ctx.checkpoint?.(config)
      },
      state: (o) => ask(async (session) => states[Number(await session.call('GetState', o))] ?? '', o),
      start: (o) => bring('Start', 'Running', o),
      stop: (o) => bring('Stop', 'Stopped', o),
      kill: (o) => bring('Kill', 'Stopped', o),
      restart: (o) => change('Restart', o),
      remove: (o) => change('Remove', o),
      address: (o) => ask(async (session) => toText(await session.call('GetIP', o)), o),
      ssh: (o = {}) => ask((session) => readSsh(session, o), o),
      engineUrl: (o) => ask(async (session) => toText(await session.call('GetURL', o)), o),
      toConfig: () => config,
    }
    return driver
  }

  const factory: DriverFactory = { configure, create }
  return {
    name,
    apiVersion: 1,
    flags: {},
    findFlags() {
      flags ??= findFlags()
      // What failed may be tried again.
      flags.catch(() => (flags = undefined))
      return flags
    },
    load: async () => factory,
    close: () => pool.close(),
  }
}

type Surroundings = Pick<DriverContext, 'env' | 'clock' | 'log'>

/** docker/machine commands/create.go: a new driver gets nine base fields, of which two are filled. */
function newConfig(ctx: Pick<DriverContext, 'machineName' | 'storePath'>): DriverConfig {
  return { ...baseConfig(ctx), SSHUser: '', SSHPort: 0 }
}

function keyOf(ctx: Pick<DriverContext, 'machineName' | 'storePath'>, config: DriverConfig): string {
  return `${ctx.storePath}\0${ctx.machineName}\0${renderExactJson(config)}`
}

async function readConfig(session: GoSession, o: CallOptions): Promise<DriverConfig> {
  const bytes = await session.call('GetConfigRaw', o)
  const value: JsonValue = bytes instanceof Uint8Array ? parseExactJson(Buffer.from(bytes).toString('utf8')) : null
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as DriverConfig
  throw new FlotillaError('machine/driver', 'the state that the driver plug-in gave is not a JSON object')
}

async function readSsh(session: GoSession, o: CallOptions): Promise<SshTarget> {
  const host = toText(await session.call('GetSSHHostname', o))
  const port = await session.call('GetSSHPort', o)
  const user = toText(await session.call('GetSSHUsername', o))
  const keyPath = toText(await session.call('GetSSHKeyPath', o))
  return { host, port: typeof port === 'number' ? port : 22, user, ...(keyPath === '' ? {} : { keyPath }) }
}

function toText(value: GobValue): string {
  return typeof value === 'string' ? value : ''
}

function unwrap<T>(outcome: Outcome<T>): T {
  if (outcome.kind === 'refused') throw outcome.error
  return outcome.value
}
