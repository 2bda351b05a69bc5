import type { Duplex, Writable } from 'node:stream'
import type { ExecCreateBody } from '../../engine/api/types-resource.ts'
import { renderFrame } from '../../engine/stdcopy.ts'
import { FakeError, isSet } from './call.ts'
import type { FakeCall, FakeRoute, FakeUpgrade } from './call.ts'
import { needContainer } from './container-life.ts'
import { startProcess } from './process.ts'
import { makeId, renderTime } from './state.ts'
import type { FakeContainer, FakeExec, FakeLogLine } from './state.ts'

/** Since API 1.42 engines tell framed output from raw output by its type. */
function chooseType(call: FakeCall, isTty: boolean): string {
  const [, minor = 0] = call.version.split('.').map(Number)
  return !isTty && minor >= 42 ? 'application/vnd.docker.multiplexed-stream' : 'application/vnd.docker.raw-stream'
}

function writeOutput(to: Writable, isTty: boolean, stream: 'stdout' | 'stderr', data: Buffer): void {
  if (to.writable) to.write(isTty ? data : renderFrame(stream, data))
}

/** Calls `visit` with each log entry from `from` on, until the container stops or the client goes. */
function followLog(
  call: FakeCall,
  container: FakeContainer,
  from: number,
  visit: (line: FakeLogLine) => void,
): Promise<void> {
  const { signals } = call.state
  let next = from
  return new Promise((resolve) => {
    function step(): void {
      for (; next < container.log.length; next += 1) {
        const line = container.log[next]
        if (line !== undefined) visit(line)
      }
      if (container.process !== undefined && !call.signal.aborted) return
      signals.off('log', onSignal)
      signals.off('change', onSignal)
      call.signal.removeEventListener('abort', step)
      resolve()
    }
    function onSignal(id: string): void {
      if (id === container.id) step()
    }
    signals.on('log', onSignal)
    signals.on('change', onSignal)
    call.signal.addEventListener('abort', step)
    step()
  })
}

async function logs(call: FakeCall): Promise<void> {
  const container = needContainer(call.state, call.params[0] ?? '')
  const [out, err] = [isSet(call, 'stdout'), isSet(call, 'stderr')]
  if (!out && !err) throw new FakeError(400, 'Bad parameters: you must choose at least one stream')
  const isTty = container.config.Tty === true
  const sinceMs = Number(call.query.get('since') ?? 0) * 1000
  const untilMs = Number(call.query.get('until') ?? 0) * 1000
  const response = call.stream(chooseType(call, isTty))
  response.flushHeaders()
  function write(line: FakeLogLine): void {
    if (line.stream === 'stdout' ? !out : !err) return
    if (line.atMs < sinceMs || (untilMs > 0 && line.atMs > untilMs)) return
    const stamp = isSet(call, 'timestamps') ? `${renderTime(line.atMs)} ` : ''
    writeOutput(response, isTty, line.stream, Buffer.concat([Buffer.from(stamp), line.data]))
  }
  const tail = call.query.get('tail') ?? 'all'
  const first = tail === 'all' || tail === '' ? 0 : Math.max(container.log.length - Number(tail), 0)
  const end = container.log.length
  for (const line of container.log.slice(first, end)) write(line)
  if (isSet(call, 'follow')) await followLog(call, container, end, write)
  response.end()
}

/** Feeds a client's bytes to a process until the client ends its side. */
function feedStdin(upgrade: FakeUpgrade, stdin: Duplex | undefined): void {
  const { socket, head } = upgrade
  if (stdin === undefined) {
    socket.resume()
    return
  }
  if (head.length > 0) stdin.write(head)
  socket.on('data', (chunk: Buffer) => {
    if (stdin.writable && !stdin.write(chunk)) {
      socket.pause()
      stdin.once('drain', () => socket.resume())
    }
  })
  socket.on('end', () => stdin.end())
}

async function attach(call: FakeCall): Promise<void> {
  const container = needContainer(call.state, call.params[0] ?? '')
  const isTty = container.config.Tty === true
  const upgrade = call.upgrade(chooseType(call, isTty))
  const [out, err] = [isSet(call, 'stdout'), isSet(call, 'stderr')]
  const from = isSet(call, 'logs') ? 0 : container.log.length
  // Attaching before the start is how `docker run` misses nothing.
  if (container.process === undefined && container.status === 'created') await untilStarted(call, container)
  feedStdin(upgrade, isSet(call, 'stdin') ? container.process?.stdin : undefined)
  await followLog(call, container, from, (line) => {
    if (line.stream === 'stdout' ? out : err) writeOutput(upgrade.socket, isTty, line.stream, line.data)
  })
  upgrade.socket.end()
}

function untilStarted(call: FakeCall, container: FakeContainer): Promise<void> {
  return new Promise((resolve) => {
    function check(): void {
      if (container.status === 'created' && call.state.containers.has(container.id) && !call.signal.aborted) return
      call.state.signals.off('change', check)
      call.signal.removeEventListener('abort', check)
      resolve()
    }
    call.state.signals.on('change', check)
    call.signal.addEventListener('abort', check)
  })
}

async function createExec(call: FakeCall): Promise<void> {
  const container = needContainer(call.state, call.params[0] ?? '')
  if (container.process === undefined) throw new FakeError(409, `Container ${container.id} is not running`)
  if (container.status === 'paused') {
    throw new FakeError(409, `Container ${container.name} is paused, unpause the container before exec`)
  }
  const body = await call.json<ExecCreateBody>()
  if (!Array.isArray(body.Cmd) || body.Cmd.length === 0) throw new FakeError(400, 'No exec command specified')
  const exec: FakeExec = {
    id: makeId(),
    container,
    args: body.Cmd,
    env: [...(container.config.Env ?? []), ...(body.Env ?? [])],
    isTty: body.Tty === true,
    streams: {
      stdin: body.AttachStdin === true,
      stdout: body.AttachStdout === true,
      stderr: body.AttachStderr === true,
    },
    process: undefined,
    exitCode: null,
    hasStarted: false,
  }
  call.state.execs.set(exec.id, exec)
  container.execIds.push(exec.id)
  call.state.emitContainer(container, `exec_create: ${exec.args.join(' ')}`, { execID: exec.id })
  call.send(201, { Id: exec.id })
}

async function startExec(call: FakeCall): Promise<void> {
  const exec = needExec(call)
  const body = await call.json<{ Detach?: boolean; Tty?: boolean }>()
  if (exec.hasStarted) throw new FakeError(409, `Error: Exec command ${exec.id} has already run`)
  if (exec.container.process === undefined) {
    throw new FakeError(409, `Container ${exec.container.id} is not running`)
  }
  exec.hasStarted = true
  const upgrade = body.Detach === true ? undefined : call.upgrade(chooseType(call, exec.isTty))
  const running = startProcess({
    args: exec.args,
    env: exec.env,
    clock: call.state.clock,
    programs: call.state.options.programs ?? {},
    isUnknownRunning: false,
    write: (stream, data) => {
      if (upgrade === undefined || !exec.streams[stream]) return
      writeOutput(upgrade.socket, exec.isTty, stream, typeof data === 'string' ? Buffer.from(data) : data)
    },
  })
  exec.process = running
  if (!exec.streams.stdin) running.stdin.end()
  call.state.emitContainer(exec.container, `exec_start: ${exec.args.join(' ')}`, { execID: exec.id })
  if (upgrade === undefined) call.send(200)
  else feedStdin(upgrade, exec.streams.stdin ? running.stdin : undefined)
  exec.exitCode = await running.exit
  exec.process = undefined
  call.state.emitContainer(exec.container, 'exec_die', { execID: exec.id, exitCode: String(exec.exitCode) })
  upgrade?.socket.end()
}

function needExec(call: FakeCall): FakeExec {
  const exec = call.state.execs.get(call.params[0] ?? '')
  if (exec === undefined) throw new FakeError(404, `No such exec instance: ${call.params[0]}`)
  return exec
}

function inspectExec(call: FakeCall): void {
  const exec = needExec(call)
  call.send(200, {
    ID: exec.id,
    Running: exec.process !== undefined,
    ExitCode: exec.exitCode,
    ProcessConfig: {
      tty: exec.isTty,
      entrypoint: exec.args[0] ?? '',
      arguments: exec.args.slice(1),
      privileged: false,
    },
    OpenStdin: exec.streams.stdin,
    OpenStdout: exec.streams.stdout,
    OpenStderr: exec.streams.stderr,
    ContainerID: exec.container.id,
    Pid: exec.process === undefined ? 0 : 4243,
  })
}

export const streamRoutes: readonly FakeRoute[] = [
  ['GET', /^\/containers\/([^/]+)\/logs$/, logs],
  ['POST', /^\/containers\/([^/]+)\/attach$/, attach],
  ['POST', /^\/containers\/([^/]+)\/exec$/, createExec],
  ['POST', /^\/exec\/([^/]+)\/start$/, startExec],
  ['GET', /^\/exec\/([^/]+)\/json$/, inspectExec],
  ['POST', /^\/(?:containers|exec)\/([^/]+)\/resize$/, (call) => call.send(200)],
]
