import { connect } from 'node:net'
import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { withDeadline } from '../../../core/deadline.ts'
import { FlotillaError, toMessage } from '../../../core/errors.ts'

/** One message of the monitor: JSON, one a line. */
interface Message {
  readonly QMP?: unknown
  readonly return?: unknown
  readonly error?: { readonly class?: string; readonly desc?: string }
  readonly event?: string
}

const callLimitMs = 30_000
const maxLine = 1024 * 1024

/**
 * Gives the monitor of a machine one command, and waits for its answer.
 *
 * @param path of its socket
 * @returns what the command returns
 * @throws {machine/driver} when the monitor refuses, is not there or says nothing
 */
export async function runMonitorCommand(
  path: string,
  command: string,
  clock: Clock,
  o: CallOptions,
  args?: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const socket = connect(path)
  socket.setEncoding('utf8')
  let end: (error: Error) => void = () => {}
  const failure = new Promise<never>((_, reject) => {
    end = reject
  })
  failure.catch(() => {})
  socket.on('error', end)
  socket.on('close', () => end(new Error('the monitor hung up')))
  const wanted = args === undefined ? { execute: command } : { execute: command, arguments: args }
  const work = new Promise<unknown>((resolve, reject) => {
    let rest = ''
    let isReady = false
    socket.on('data', (chunk: string) => {
      rest += chunk
      if (rest.length > maxLine) reject(new Error('the monitor talks without end'))
      const lines = rest.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const message = parseMessage(line)
        if (message?.QMP !== undefined) socket.write(`${JSON.stringify({ execute: 'qmp_capabilities' })}\n`)
        else if (message?.error !== undefined) reject(new Error(message.error.desc ?? message.error.class ?? 'error'))
        else if (message !== undefined && 'return' in message) {
          if (isReady) resolve(message.return)
          else socket.write(`${JSON.stringify(wanted)}\n`)
          isReady = true
        }
      }
    })
  })
  try {
    const limit = { ...o, deadlineMs: o.deadlineMs ?? callLimitMs }
    return await withDeadline(
      clock,
      limit,
      () => Promise.race([work, failure]),
      () => new FlotillaError('core/deadline', `no answer within ${limit.deadlineMs} ms`),
    )
  } catch (error) {
    throw new FlotillaError('machine/driver', `monitor of the virtual machine: ${command}: ${toMessage(error)}`, {
      cause: error,
    })
  } finally {
    socket.destroy()
    work.catch(() => {})
  }
}

function parseMessage(line: string): Message | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
