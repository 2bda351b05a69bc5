import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from './free-port.ts'

export interface Haproxy {
  readonly port: number
  readonly process: ChildProcess
}

/**
 * The yardstick of everything that stands between a client and an engine, with one thread as a manager has.
 *
 * @param server as HAProxy writes it: `127.0.0.1:2375`, `unix@/run/docker.sock`
 * @returns nothing where it is not installed
 */
export async function startHaproxy(folder: string, server: string): Promise<Haproxy | undefined> {
  if (spawnSync('haproxy', ['-v']).status !== 0) return undefined
  const port = await freePort()
  const file = join(folder, `haproxy-${port}.cfg`)
  const times = 'timeout client 60s\n timeout server 60s\n timeout connect 5s\n http-reuse always'
  await writeFile(
    file,
    `global\n nbthread 1\ndefaults\n mode http\n ${times}\nfrontend f\n bind 127.0.0.1:${port}\n default_backend b\nbackend b\n server s ${server}\n`,
  )
  const child = spawn('haproxy', ['-f', file], { stdio: 'ignore' })
  await untilOpen(port, 'haproxy')
  return { port, process: child }
}

async function untilOpen(port: number, what: string): Promise<void> {
  const end = Date.now() + 30_000
  while (!(await isOpen(port))) {
    if (Date.now() > end) throw new Error(`${what} did not come up`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
