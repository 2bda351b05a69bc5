import { request } from 'node:http'
import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { quoteShell, quoteShellWords } from '../../../core/shell-quote.ts'
import { canConnect } from '../../../io/can-connect.ts'
import { execChecked, execProgram } from '../../../io/exec.ts'
import { readTextFile } from '../../../io/files.ts'
import { enterWords, hostEnvironment, renderJoin } from './host-script.ts'

/** How dockerd is run: its arguments, `-H` included, and `K=V` pairs of its environment. */
export interface EngineCommand {
  readonly args: readonly string[]
  readonly env: readonly string[]
}

/** The running host an engine is started in. */
export interface EngineSite {
  readonly name: string
  /** Process 1 of the host, as the machine numbers it. */
  readonly pid: number
  /** Cgroups that the engine must be in. */
  readonly groups: readonly string[]
  /** What `0.0.0.0` in a `-H` argument means to us. */
  readonly address: string
  readonly clock: Clock
}

/** Inside the host. The file's directory is on the root overlay, so it outlives the host's run. */
export const engineLogPath = '/var/log/dockerd.log'
const pidPath = '/run/docker.pid'
const exitPath = '/run/engine-exit'
/** Starting takes a second on an idle machine and twenty on one that starts many hosts. */
const startLimitMs = 120_000

/** Addresses of the `-H` arguments, in order, in any of the forms dockerd takes. */
export function readHostArguments(args: readonly string[]): readonly string[] {
  const found: string[] = []
  for (const [index, word] of args.entries()) {
    const joined = /^(?:--host|-H)=(.*)$/.exec(word)?.[1] ?? /^-H(.+)$/.exec(word)?.[1]
    const value = word === '-H' || word === '--host' ? args[index + 1] : joined
    if (value !== undefined) found.push(value)
  }
  return found
}

/** Path, inside the host, of the engine's unix socket; without any `-H` it has one at the usual place. */
export function readSocketPath(args: readonly string[]): string | undefined {
  const hosts = readHostArguments(args)
  const found = hosts.length === 0 ? 'unix://' : hosts.find((host) => host.startsWith('unix://'))
  if (found === undefined) return undefined
  const path = found.slice('unix://'.length)
  // /var/run is a link that would lead back to the machine when looked at from outside.
  return (path === '' ? '/run/docker.sock' : path).replace(/^\/var\/run\//, '/run/')
}

/** Pure: starts dockerd as a child of process 1, which is not stopped with it as a waiting nsenter would be. */
export function renderEngineStart(command: EngineCommand): string {
  const words = ['env', ...command.env, 'dockerd', ...command.args]
  const watched = `${quoteShellWords(words)} >> ${engineLogPath} 2>&1; echo $? > ${exitPath}`
  return [
    'ulimit -n 1048576 2> /dev/null || ulimit -n "$(ulimit -H -n)"',
    // Left by a killed engine; their numbers may belong to others now.
    `rm -f ${pidPath} ${exitPath} /run/docker/containerd/containerd.pid`,
    'mkdir -p /var/log',
    `setsid sh -c ${quoteShell(watched)} < /dev/null > /dev/null 2>&1 &`,
  ].join('\n')
}

/**
 * Starts the engine and waits until it answers on its socket and accepts connections on its addresses.
 *
 * @throws {machine/driver} with the end of its log when it does not
 */
export async function startEngine(site: EngineSite, command: EngineCommand, o: CallOptions): Promise<void> {
  const words = [...enterWords(site.pid), 'env', '-i', ...hostEnvironment, 'sh', '-c', renderEngineStart(command)]
  await execChecked(['sh', '-c', renderJoin(site.groups, words)], { ...o, clock: site.clock })
  await waitForEngine(site, command, o)
}

async function waitForEngine(site: EngineSite, command: EngineCommand, o: CallOptions): Promise<void> {
  const endMs = site.clock.nowMs() + (o.deadlineMs ?? startLimitMs)
  while (!(await isEngineReady(site, command))) {
    const exit = await readTextFile(`/proc/${site.pid}/root${exitPath}`)
    if (exit !== undefined) throw await engineFailure(site, `ended with exit code ${exit.trim()}`)
    if (site.clock.nowMs() > endMs) throw await engineFailure(site, 'does not answer')
    await site.clock.sleep(25, o.signal)
  }
}

async function engineFailure(site: EngineSite, what: string): Promise<FlotillaError> {
  const log = (await readTextFile(`/proc/${site.pid}/root${engineLogPath}`)) ?? ''
  const end = log.trim().split('\n').slice(-5).join('\n')
  return new FlotillaError('machine/driver', `the engine of host ${JSON.stringify(site.name)} ${what}: ${end}`)
}

async function isEngineReady(site: EngineSite, command: EngineCommand): Promise<boolean> {
  const socketPath = readSocketPath(command.args)
  if (socketPath !== undefined && !(await canPing(`/proc/${site.pid}/root${socketPath}`))) return false
  // The TCP listener comes a few milliseconds after the socket.
  for (const host of readHostArguments(command.args)) {
    const match = /^tcp:\/\/(.*):(\d+)$/.exec(host)
    if (match === null) continue
    const name = match[1] === '' || match[1] === '0.0.0.0' ? site.address : (match[1] ?? '')
    if (!name.startsWith('127.') && !(await canConnect(name, Number(match[2]), 2000))) return false
  }
  return true
}

function canPing(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request({ socketPath, path: '/_ping', timeout: 2000 }, (reply) => {
      reply.resume()
      resolve(reply.statusCode === 200)
    })
    call.once('timeout', () => call.destroy())
    call.once('error', () => resolve(false))
    call.once('close', () => resolve(false))
    call.end()
  })
}

/** What can be sent to an engine. */
export type EngineSignal = 'TERM' | 'KILL' | 'STOP' | 'CONT' | 'HUP'

/**
 * Sends a signal to the host's dockerd; does nothing when it is not running. After `STOP` it is stopped: the signal
 * alone lets a thread that runs on another processor answer for some milliseconds more.
 */
export async function signalEngine(site: EngineSite, signal: EngineSignal, o: CallOptions): Promise<void> {
  const script = [findEngine, `kill -${signal} "$p"`, ...(signal === 'STOP' ? [waitForStop] : [])].join('\n')
  await execProgram([...enterShell(site), script], { ...o, clock: site.clock })
}

/**
 * Sends a signal that ends dockerd and waits until it is gone.
 *
 * @returns false when it was still there after `limitMs`
 */
export async function endEngine(
  site: EngineSite,
  signal: 'TERM' | 'KILL',
  limitMs: number,
  o: CallOptions,
): Promise<boolean> {
  const script = [
    findEngine,
    `kill -${signal} "$p"`,
    // A stopped engine would sleep over its end.
    'kill -CONT "$p" 2> /dev/null',
    'n=0',
    `while ${isEngine}; do`,
    `  n=$((n + 1)); [ "$n" -lt ${Math.ceil(limitMs / 50)} ] || exit 3; sleep 0.05`,
    'done',
  ].join('\n')
  const result = await execProgram([...enterShell(site), script], { ...o, clock: site.clock })
  return result.code === 0
}

/** True while a dockerd runs in the host, answering or not. */
export async function isEngineRunning(site: EngineSite, o: CallOptions): Promise<boolean> {
  const result = await execProgram([...enterShell(site), `${findEngine}\nexit 9`], { ...o, clock: site.clock })
  return result.code === 9
}

const isEngine = '[ "$(cat "/proc/$p/comm" 2> /dev/null)" = dockerd ]'
const findEngine = `p=$(cat ${pidPath} 2> /dev/null) || exit 0\n${isEngine} || exit 0`
/** Until no thread is in another state than T (stopped), for five seconds at the most. */
const waitForStop = [
  'n=0',
  `while grep -hs '^State:' "/proc/$p/task/"*/status | grep -qv 'State:.T'; do`,
  '  n=$((n + 1)); [ "$n" -lt 100 ] || exit 3; sleep 0.05',
  'done',
].join('\n')

/** Enters without joining the host's cgroups: signals must get through to a frozen host too. */
function enterShell(site: EngineSite): readonly ['nsenter', ...string[]] {
  return ['nsenter', ...enterWords(site.pid).slice(1), 'sh', '-c']
}
