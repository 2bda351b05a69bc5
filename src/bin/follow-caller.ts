import { promises as fs } from 'node:fs'
import { connect } from 'node:net'
import process from 'node:process'
import { systemClock } from '../io/clock.ts'

const pollMs = 250

/**
 * Ends this process, as Ctrl-C would, once the docker command that called it closes its socket: that is how it tells a
 * plugin that it was told to end (docker/cli cli-plugins/socket). On a terminal Ctrl-C reaches both, and the socket stays.
 */
export function followCaller(address: string): void {
  // `@` stands for the zero byte of Linux's abstract names.
  const socket = connect(address.replace(/^@/, '\0'))
  let isOpen = false
  socket.once('connect', () => {
    isOpen = true
  })
  socket.on('error', () => {})
  socket.once('close', () => {
    if (isOpen) interrupt()
    else if (address.startsWith('@')) void followByName(address)
  })
  socket.resume()
  socket.unref()
}

/** Node 20 cannot connect to abstract names; whether one is still there can be read. */
async function followByName(address: string): Promise<void> {
  const isThere = async (): Promise<boolean> => {
    const text = await fs.readFile('/proc/net/unix', 'utf8').catch(() => '')
    return text.split('\n').some((line) => line.endsWith(` ${address}`))
  }
  if (!(await isThere())) return
  do await systemClock.sleep(pollMs)
  while (await isThere())
  interrupt()
}

function interrupt(): void {
  process.kill(process.pid, 'SIGINT')
}
