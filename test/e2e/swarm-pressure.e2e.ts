import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startFakeFleet } from '../../src/testing/fake-fleet/fake-fleet.ts'
import type { FakeFleet } from '../../src/testing/fake-fleet/fake-fleet.ts'
import { ensurePrograms, programForms } from './programs.ts'
import { eventually } from './swarm-cluster.ts'

/**
 * A manager with a heap of 1 GiB over 10,000 containers, with hundreds of subscribers and clients that do not read, in a
 * storm of events (reliability.md F-M7).
 */

const engines = 100
const containersEach = 100
const subscribers = 200
const idlers = 25
/** More than may wait for a subscriber, and what the kernel holds for it. */
const storm = 15_000
const newline = 10

let folder = ''
let socketPath = ''
let fleet: FakeFleet
let manager: ChildProcess
let log = ''
const open = new Set<Socket>()

beforeAll(async () => {
  ensurePrograms()
  folder = await mkdtemp(join(tmpdir(), 'flotilla-pressure-'))
  socketPath = join(folder, 'swarm.sock')
  fleet = await startFakeFleet({ engines, containers: containersEach })
  await writeFile(join(folder, 'engines'), `${fleet.addresses.join('\n')}\n`)
  const [file = '', ...leading] = programForms.find((form) => form.name === 'node')?.command('swarm') ?? []
  const args = ['manage', '-H', `unix://${socketPath}`, `file://${join(folder, 'engines')}`]
  manager = spawn(file, ['--max-old-space-size=1024', ...leading, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  for (const stream of [manager.stdout, manager.stderr])
    stream?.on('data', (chunk: Buffer) => (log += chunk.toString()))
  await eventually(() => log.match(/Registered Engine/g)?.length === engines, 60_000, 'registration')
})

afterAll(async () => {
  for (const socket of open) socket.destroy()
  manager?.kill('SIGKILL')
  await fleet?.close()
  await rm(folder, { recursive: true, force: true })
})

/** A client of HTTP/1.0: what follows the head is the body, without framing. */
function ask(path: string): Socket {
  const socket = connect(socketPath)
  open.add(socket)
  socket.on('error', () => undefined)
  socket.on('close', () => open.delete(socket))
  socket.write(`GET /v1.41${path} HTTP/1.0\r\n\r\n`)
  return socket
}

/** Resolves with what came of the body together with its head. */
function pastHead(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    let head = Buffer.alloc(0)
    function take(chunk: Buffer): void {
      head = Buffer.concat([head, chunk])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      socket.off('data', take)
      resolve(head.subarray(end + 4))
    }
    socket.on('data', take)
  })
}

interface Heard {
  bytes: number
  readonly hash: Hash
}

async function subscribe(): Promise<Heard> {
  const socket = ask('/events')
  const heard: Heard = { bytes: 0, hash: createHash('sha1') }
  function take(chunk: Buffer): void {
    heard.bytes += chunk.length
    heard.hash.update(chunk)
  }
  take(await pastHead(socket))
  socket.on('data', take)
  return heard
}

async function readAll(socket: Socket): Promise<string> {
  const parts: Buffer[] = []
  socket.on('data', (chunk) => void parts.push(chunk))
  const ended = new Promise<void>((resolve) => socket.once('end', () => resolve()))
  // Adding a listener does not undo a pause.
  socket.resume()
  await ended
  const text = Buffer.concat(parts).toString()
  return text.slice(text.indexOf('\r\n\r\n') + 4)
}

/** Tells numbered events, not faster than one subscriber hears them by more than a few. */
async function raise(heardSoFar: () => number): Promise<void> {
  for (let told = 0; told < storm; told += 1) {
    const engine = fleet.engines[told % engines]
    const [container] = engine?.containers.values() ?? []
    if (container !== undefined) engine?.tell(`exec_start: ${told}`, container)
    if (told % 500 === 499) await eventually(() => heardSoFar() > told - 2000, 60_000, `event ${told}`)
  }
}

function numbersIn(text: string): readonly number[] {
  return [...text.matchAll(/"Action":"exec_start: (\d+)"/g)].map((match) => Number(match[1]))
}

/** Those of one engine are in its order. */
function expectAll(numbers: readonly number[], from: number): void {
  const byEngine = Array.from({ length: engines }, (_, at) => numbers.filter((each) => each % engines === at))
  const perEngine = Array.from({ length: engines }, (_, at) =>
    Array.from({ length: storm / engines }, (_unused, round) => round * engines + at).filter((each) => each >= from),
  )
  expect(byEngine).toEqual(perEngine)
}

describe('a manager with a heap of 1 GiB over 10,000 containers', () => {
  it('survives a storm with clients that do not read: those are dropped, the others miss nothing', async () => {
    const sleepers = Array.from({ length: idlers }, () => ask('/events'))
    const lists = Array.from({ length: idlers }, () => ask('/containers/json?all=1'))
    for (const socket of [...sleepers, ...lists]) socket.pause()
    const others = await Promise.all(Array.from({ length: subscribers - 1 }, subscribe))
    const first = ask('/events')
    const parts: Buffer[] = []
    let count = 0
    await pastHead(first)
    first.on('data', (chunk) => {
      parts.push(chunk)
      for (const byte of chunk) if (byte === newline) count += 1
    })

    await raise(() => count)
    await eventually(() => count >= storm, 60_000, 'the last event')
    const text = Buffer.concat(parts).toString()
    expectAll(numbersIn(text), 0)
    const sum = createHash('sha1').update(text).digest('hex')
    const size = Buffer.byteLength(text)
    await eventually(() => others.every((each) => each.bytes >= size), 60_000, 'the last event of the others')
    expect(new Set(others.map((each) => each.hash.copy().digest('hex')))).toEqual(new Set([sum]))

    // The past of the whole fleet is longer than what may wait for anybody: it has to wait for its reader.
    const past = ask(`/events?since=1&until=${Math.ceil(Date.now() / 1000) + 1}`)
    past.pause()
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const told = numbersIn(await readAll(past))
    expectAll(told, 0)

    const ends = await Promise.all(sleepers.map(readAll))
    for (const end of ends) {
      const lines = end.trimEnd().split('\n')
      expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
        Type: 'swarm',
        Action: 'subscriber_dropped',
        message: 'more than 10000 events or 16777216 bytes were waiting',
      })
      expect(numbersIn(end).length).toBeGreaterThan(10_000)
    }
    const rows = await Promise.all(lists.map(readAll))
    for (const list of new Set(rows)) expect(JSON.parse(list)).toHaveLength(engines * containersEach)

    expect(manager.exitCode).toBeNull()
    expect(log).not.toMatch(/unhandled|heap out of memory/i)
  }, 240_000)
})
