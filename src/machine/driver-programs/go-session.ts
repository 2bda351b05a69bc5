import { basename } from 'node:path'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { raceAbort, startDeadline, toAbortError } from '../../core/deadline.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import { goQuote } from '../../core/goquote.ts'
import type { GobType, GobValue } from '../../core/gob/type.ts'
import type { Log } from '../../core/log.ts'
import type { TcpAddress } from '../../io/dial.ts'
import { startLineProgram } from '../../io/line-program.ts'
import type { LineProgram } from '../../io/line-program.ts'
import { dialRpc } from '../../io/net-rpc/client.ts'
import type { RpcAnswer, RpcArgument, RpcClient } from '../../io/net-rpc/client.ts'

export interface GoSessionOptions {
  /** The plug-in's program. */
  readonly path: string
  /** The driver's name, as it stands in records. */
  readonly driverName: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  /** What the plug-in prints goes here: its output as information, its errors for debugging. */
  readonly log: Log
}

/** A running plug-in, which holds one machine. */
export interface GoSession {
  /**
   * @throws {machine/driver} with the text of the plug-in's error, or naming plug-in and method when it died or is silent
   * @throws {machine/state} `Host is not running`
   */
  call(method: string, o?: CallOptions, argument?: RpcArgument): Promise<GobValue>
  isOver(): boolean
  /** Asks the plug-in to end and sees to it. Never rejects. */
  close(): Promise<void>
}

const apiVersion = 1
const startTimeoutMs = 10_000
const beatEveryMs = 5000
/** A plug-in whose heartbeat stands still this long does not run any more, whatever else it is asked. */
const silenceMs = 30_000
/** How long methods may take that mostly look at memory, in milliseconds. All others take as long as they beat. */
const limitsMs: ReadonlyMap<string, number> = new Map([
  ...['GetVersion', 'SetConfigRaw', 'GetConfigRaw', 'GetMachineName', 'DriverName', 'GetCreateFlags'].map(
    (method) => [method, 30_000] as const,
  ),
  // Some look things up on the way.
  ['SetConfigFromFlags', 300_000],
])
const closeTimeoutMs = 2000
/** Newer plug-ins, and those made before docker-machine 0.5.1. */
const serviceNames = ['RPCServerDriver', 'RpcServerDriver'] as const

const nothing: RpcArgument = { type: { kind: 'struct', name: '', fields: [] } satisfies GobType, value: {} }

/**
 * Starts a `docker-machine-driver-NAME`, connects to it and agrees on the version.
 *
 * docker/machine libmachine/drivers/plugin: environment, address line, heartbeat, texts.
 */
export async function openGoSession(options: GoSessionOptions, o: CallOptions): Promise<GoSession> {
  const plugin = new PluginProgram(options)
  try {
    const address = await plugin.waitForAddress(o)
    const rpc = await plugin.dial(address, o)
    const session = new RunningPlugin(plugin, rpc, options.clock)
    await session.agree(o)
    return session
  } catch (error) {
    plugin.program.kill()
    throw error
  }
}

/** The process: where it listens, what it says, how it ends. */
class PluginProgram {
  readonly name: string
  readonly program: LineProgram
  readonly #clock: Clock
  readonly #lastWords: string[] = []
  #onAddress: (line: string) => void = () => {}
  readonly #address: Promise<string>

  constructor(options: GoSessionOptions) {
    this.name = basename(options.path).replace(/\.exe$/i, '')
    this.#clock = options.clock
    this.#address = new Promise((resolve) => {
      this.#onAddress = resolve
    })
    let isFirst = true
    this.program = startLineProgram([options.path], {
      clock: options.clock,
      env: { ...options.env, MACHINE_PLUGIN_TOKEN: '42', MACHINE_PLUGIN_DRIVER_NAME: options.driverName },
      onStdout: (line) => {
        if (isFirst) this.#onAddress(line)
        else options.log.info(line)
        isFirst = false
      },
      onStderr: (line) => {
        this.#lastWords.push(line.slice(0, 500))
        if (this.#lastWords.length > 100) this.#lastWords.shift()
        options.log.debug(line)
      },
    })
    this.program.closeInput()
  }

  async waitForAddress(o: CallOptions): Promise<TcpAddress> {
    const late = (): Error =>
      this.#error(`Failed to dial the plugin server in ${startTimeoutMs / 1000}s`, 'it has not said where it listens')
    const deadline = startDeadline(this.#clock, { ...o, deadlineMs: startTimeoutMs }, late)
    try {
      const line = await raceAbort(deadline.signal, () => Promise.race([this.#address, this.#failEarly()]))
      const match = /^(?:\[([0-9a-f:]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(line.trim())
      if (match === null) {
        throw this.#error(
          `its first line is ${goQuote(line.slice(0, 200))}`,
          'a plug-in prints the address it listens at',
        )
      }
      return { host: match[1] ?? match[2] ?? '', port: Number(match[3]) }
    } finally {
      deadline.release()
    }
  }

  async dial(address: TcpAddress, o: CallOptions): Promise<RpcClient> {
    try {
      return await dialRpc(address, { ...o, deadlineMs: startTimeoutMs }, this.#clock)
    } catch (error) {
      if (o.signal?.aborted === true) throw error
      throw pluginError(this.name, toMessage(error), { cause: error })
    }
  }

  async #failEarly(): Promise<never> {
    const end = await this.program.ended
    throw this.#error(`it ended at once: ${end}${this.describeLastWords()}`)
  }

  /** What a dying Go program said, without its stack. */
  describeLastWords(): string {
    const words = this.#lastWords.filter((line) => line.trim() !== '')
    const said = words.find((line) => /^(?:panic|fatal error): /.test(line)) ?? words.at(-1)
    return said === undefined ? '' : `: ${said.trim()}`
  }

  #error(problem: string, hint?: string): FlotillaError {
    return pluginError(this.name, problem, hint === undefined ? {} : { hint })
  }
}

function pluginError(
  name: string,
  problem: string,
  detail: { readonly hint?: string; readonly cause?: unknown } = {},
): FlotillaError {
  return new FlotillaError('machine/driver', `driver plug-in ${goQuote(name)}: ${problem}`, detail)
}

class RunningPlugin implements GoSession {
  readonly #plugin: PluginProgram
  readonly #rpc: RpcClient
  readonly #clock: Clock
  readonly #stop = new AbortController()
  #service: string = serviceNames[0]
  #silence: string | undefined
  #isOver = false

  constructor(plugin: PluginProgram, rpc: RpcClient, clock: Clock) {
    this.#plugin = plugin
    this.#rpc = rpc
    this.#clock = clock
    void rpc.closed.then(() => this.#finish())
  }

  async agree(o: CallOptions): Promise<void> {
    const first = await this.#try('GetVersion', nothing, o)
    if (first.kind === 'refused') this.#service = serviceNames[1]
    const version = first.kind === 'refused' ? await this.call('GetVersion', o) : first.value
    if (version !== apiVersion) {
      throw pluginError(
        this.#plugin.name,
        `Driver binary uses an incompatible API version (${typeof version === 'number' ? version : '?'})`,
      )
    }
    void this.#beat()
  }

  async call(method: string, o: CallOptions = {}, argument: RpcArgument = nothing): Promise<GobValue> {
    const answer = await this.#try(method, argument, o)
    if (answer.kind === 'refused') throw toDriverError(answer.text)
    return answer.value
  }

  isOver(): boolean {
    return this.#isOver
  }

  async #try(method: string, argument: RpcArgument, o: CallOptions): Promise<RpcAnswer> {
    const limitMs = o.deadlineMs === undefined ? limitsMs.get(method) : undefined
    try {
      const limit = limitMs === undefined ? o : { ...o, deadlineMs: limitMs }
      return await this.#rpc.call(`${this.#service}.${method}`, argument, limit)
    } catch (error) {
      if (limitMs !== undefined && isFlotillaError(error) && error.code === 'core/deadline') {
        this.#plugin.program.kill()
        throw pluginError(this.#plugin.name, `no answer to ${method} within ${limitMs / 1000} s`)
      }
      if (!isFlotillaError(error) || error.code !== 'io/protocol') throw error
      throw await this.#describeDeath(method, error)
    }
  }

  /** Why the connection is over: the process tells more than the socket. */
  async #describeDeath(method: string, error: Error): Promise<FlotillaError> {
    const { name, program } = this.#plugin
    if (this.#silence !== undefined) return pluginError(name, `${this.#silence} while ${method} ran`, { cause: error })
    const end = await Promise.race([program.ended, this.#clock.sleep(closeTimeoutMs).then(() => undefined)])
    program.kill()
    const how = end === undefined ? '' : ` (${end}${this.#plugin.describeLastWords()})`
    return pluginError(name, `it died in the middle of ${method}: ${toMessage(error)}${how}`, { cause: error })
  }

  /** A plug-in that hears nothing for ten seconds ends itself; one that says nothing is ended. */
  async #beat(): Promise<void> {
    const { signal } = this.#stop
    for (;;) {
      try {
        await this.#clock.sleep(beatEveryMs, signal)
        await this.#rpc.call(`${this.#service}.Heartbeat`, nothing, { signal, deadlineMs: silenceMs })
      } catch (error) {
        if (signal.aborted) return
        if (isFlotillaError(error) && error.code === 'core/deadline') {
          this.#silence = `it has not answered for ${silenceMs / 1000} s`
          this.#rpc.close()
        }
        this.#plugin.program.kill()
        return
      }
    }
  }

  async close(): Promise<void> {
    const { program } = this.#plugin
    const limit = { deadlineMs: closeTimeoutMs }
    // A plug-in may end before its answer is out.
    if (!this.#isOver) await this.#rpc.call(`${this.#service}.Close`, nothing, limit).catch(() => {})
    this.#rpc.close()
    this.#finish()
    await Promise.race([program.ended, this.#clock.sleep(closeTimeoutMs)])
    program.kill()
    await program.ended
  }

  #finish(): void {
    this.#isOver = true
    this.#stop.abort(toAbortError(undefined))
  }
}

/** Only the text of a Go error survives the way here. */
function toDriverError(text: string): FlotillaError {
  if (text === 'Host is not running') return new FlotillaError('machine/state', text)
  // The server adds the stack of a panic to its text.
  const isPanic = text.startsWith('Panic in the driver:')
  const message = isPanic ? (text.split('\n', 1)[0] ?? text) : text
  return new FlotillaError('machine/driver', message, isPanic ? { cause: new Error(text) } : {})
}
