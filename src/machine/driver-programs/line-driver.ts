import type { CallOptions } from '../../core/call.ts'
import { raceAbort } from '../../core/deadline.ts'
import { FlotillaError } from '../../core/errors.ts'
import { renderExactJson } from '../../core/exact-json.ts'
import type { JsonObject, JsonValue } from '../../core/exact-json.ts'
import { silentLog } from '../../core/log.ts'
import { baseConfig } from '../driver.ts'
import type { Driver, DriverConfig, DriverContext, DriverFactory, DriverOptions } from '../driver.ts'
import { namingProgram } from './driver-program.ts'
import type { DriverProgram, ProgramContext } from './driver-program.ts'
import { isObject, parseDescription, parseSsh, parseState, toText } from './line-messages.ts'
import type { Description } from './line-messages.ts'
import { openLineSession } from './line-session.ts'
import type { LineRequest, LineSession } from './line-session.ts'

const askSilenceMs = 60_000
/** Making and switching machines takes its time; a word in between starts the wait anew. */
const workSilenceMs = 900_000
const describeSilenceMs = 10_000

/**
 * A `flotilla-driver-NAME` as a driver. One process serves all machines; it is started when it is first asked, and
 * again when it has ended.
 */
export function lineDriverProgram(name: string, path: string, programs: ProgramContext): DriverProgram {
  const closing: Promise<void>[] = []
  let session: LineSession | undefined
  let described: Promise<Description> | undefined
  let running = 0
  let waiting: (() => void)[] = []

  function named<T>(body: () => T): T {
    return namingProgram('driver program', path, body)
  }

  function openSession(): LineSession {
    if (session === undefined || session.isOver()) {
      if (session !== undefined) closing.push(session.close())
      session = openLineSession(path, programs.env, programs.clock)
    }
    return session
  }

  function describe(): Promise<Description> {
    described ??= openSession()
      .call({ method: 'describe', log: silentLog, silenceMs: describeSilenceMs }, {})
      .then((value) => named(() => parseDescription(value)))
    // What failed may be tried again.
    described.catch(() => (described = undefined))
    return described
  }

  /** Calls when the program has room for one more request. */
  async function call(request: LineRequest, o: CallOptions): Promise<JsonValue> {
    const { concurrency } = await describe()
    for (;;) {
      if (running < concurrency) break
      const freed = new Promise<void>((resolve) => waiting.push(resolve))
      await raceAbort(o.signal, () => freed)
    }
    running += 1
    try {
      return await openSession().call(request, o)
    } finally {
      running -= 1
      const woken = waiting
      waiting = []
      for (const wake of woken) wake()
    }
  }

  async function configure(ctx: DriverContext, options: DriverOptions): Promise<DriverConfig> {
    const { flags } = await describe()
    const given = Object.keys(flags).flatMap((flag) => {
      const value = options[flag]
      return value === undefined ? [] : [[flag, value] as const]
    })
    const members = { machine: toMachine(ctx), options: Object.fromEntries(given) as JsonObject }
    const result = await call({ method: 'configure', members, log: ctx.log, silenceMs: askSilenceMs }, {})
    if (!isObject(result)) {
      return named(() => {
        throw new FlotillaError('machine/driver', 'the state that it gave is not an object')
      })
    }
    // The nine fields that every program expects stand in front.
    const base = baseConfig(ctx)
    return { ...base, ...result, MachineName: ctx.machineName, StorePath: ctx.storePath }
  }

  function create(ctx: DriverContext, initial: DriverConfig): Driver {
    let config = initial
    let isSaved = Promise.resolve()
    /** Members replace those of the same name; null takes one away. */
    function keep(next: JsonObject): void {
      const kept = Object.entries({ ...config, ...next }).filter(([field]) => next[field] !== null)
      const merged = { ...Object.fromEntries(kept), MachineName: ctx.machineName, StorePath: ctx.storePath }
      if (renderExactJson(merged) !== renderExactJson(config)) config = merged
    }

    async function send(method: string, silenceMs: number, o: CallOptions): Promise<JsonValue> {
      const members = { machine: toMachine(ctx), config }
      const onConfig = (next: JsonObject): void => {
        keep(next)
        if (method === 'create' && ctx.checkpoint !== undefined) {
          const { checkpoint } = ctx
          const saved = config
          isSaved = isSaved.then(() => checkpoint(saved))
          isSaved.catch(() => {})
        }
      }
      try {
        return await call({ method, members, log: ctx.log, onConfig, silenceMs }, o)
      } finally {
        await isSaved
      }
    }
    const ask = (method: string, o: CallOptions): Promise<JsonValue> => send(method, askSilenceMs, o)
    const work = async (method: string, o: CallOptions): Promise<void> => void (await send(method, workSilenceMs, o))

    return {
      precheck: (o) => work('precheck', o),
      create: (o) => work('create', o),
      async state(o) {
        const value = await ask('state', o)
        return named(() => parseState(value))
      },
      start: (o) => work('start', o),
      stop: (o) => work('stop', o),
      kill: (o) => work('kill', o),
      restart: (o) => work('restart', o),
      remove: (o) => work('remove', o),
      address: async (o) => toText(await ask('address', o)),
      async ssh(o = {}) {
        const value = await ask('ssh', o)
        return named(() => parseSsh(value))
      },
      engineUrl: async (o) => toText(await ask('url', o)),
      toConfig: () => config,
    }
  }

  const factory: DriverFactory = { configure, create }
  return {
    name,
    apiVersion: 1,
    flags: {},
    findFlags: async () => (await describe()).flags,
    load: async () => factory,
    async close() {
      if (session !== undefined) closing.push(session.close())
      await Promise.all(closing)
    },
  }
}

function toMachine(ctx: DriverContext): JsonObject {
  return { name: ctx.machineName, folder: ctx.machinePath, store: ctx.storePath }
}
