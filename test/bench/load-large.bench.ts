import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { lab } from '../../src/testing/lab/lab.ts'
import type { LabHost } from '../../src/testing/lab/types.ts'
import { median, tellWrong } from './bench.ts'
import type { Row } from './bench.ts'
import type { Place } from './endpoint-load.ts'
import { startManager } from './fleet-manager.ts'
import type { ManagerProcess } from './fleet-manager.ts'
import { startHaproxy } from './haproxy.ts'
import { startHelper } from './helper-process.ts'
import type { HelperProcess } from './helper-process.ts'
import { archiveBytes, digestOf } from './large-process.ts'
import type { LargeOrder, LargeReport } from './large-process.ts'

/**
 * Load L-5: large bodies through the manager against the same at the engine, in turn: `cp` in and out, `load`, `save` and
 * `build`. What comes back is compared by digest; the memory of the manager is what the kernel says it was at its peak.
 * `FLOTILLA_BENCH_GIB=10` is the long form, `FLOTILLA_BENCH_KINDS=cp,load` a part of it.
 */
const bytes = Math.round(Number(process.env['FLOTILLA_BENCH_GIB'] ?? '0.25') * 1024) * 2 ** 20
const rounds = Number(process.env['FLOTILLA_BENCH_ROUNDS'] ?? '3')
const kinds = (process.env['FLOTILLA_BENCH_KINDS'] ?? 'cp,load,build').split(',')
/** For a reader that takes its time, and an engine that does not read: so much is sent besides. */
const slowBytes = 64 * 2 ** 20

type Load = HelperProcess<LargeOrder, LargeReport>

interface Bed {
  readonly host: LabHost
  readonly load: Load
  readonly manager: ManagerProcess
  readonly direct: Place
  /** The same way with another program in between. */
  readonly yardstick: Place | undefined
  readonly container: string
  readonly problems: string[]
}

export async function run(): Promise<readonly Row[]> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return []
  const folder = await mkdtemp(join(tmpdir(), 'flotilla-bench-'))
  const running = await lab({ hosts: 1, image: true, namePrefix: 'lrg' })
  const load = await startHelper<LargeOrder, LargeReport>('large-process')
  const [host] = running.hosts
  if (host === undefined) return []
  const haproxy = await startHaproxy(folder, `unix@${host.socketPath}`)
  const manager = await startManager([`unix://${host.socketPath}`], folder)
  try {
    const made = await docker(host, 'create', '-v', '/data', '--name', 'target', 'flotilla/sample:latest', 'true')
    const yardstick = haproxy === undefined ? undefined : { port: haproxy.port }
    const direct = { path: host.socketPath }
    const bed: Bed = { host, load, manager, direct, yardstick, container: made.trim(), problems: [] }
    await new Promise((resolve) => setTimeout(resolve, 2000))
    return await measure(bed)
  } finally {
    await manager.stop()
    haproxy?.process.kill('SIGKILL')
    await load.stop()
    await running.down()
    await rm(folder, { recursive: true, force: true })
  }
}

async function docker(host: LabHost, ...words: readonly string[]): Promise<string> {
  const result = await host.docker(words, { timeoutMs: 600_000 })
  if (result.code !== 0) throw new Error(`docker ${words.join(' ')}: ${result.stderr}`)
  return result.stdout
}

/** One kind of transfer, and how the engine is brought back to where it was. */
interface Kind {
  readonly name: string
  readonly order: Omit<LargeOrder, 'place'>
  /** Of the file that has to come back. */
  readonly digest?: string
  readonly after?: readonly string[]
}

function* kindsOf({ container }: Bed): Generator<Kind, void> {
  const path = `/v1.41/containers/${container}/archive?path=/data`
  if (kinds.includes('cp')) {
    yield { name: 'cp into a container', order: { method: 'PUT', path, send: { bytes, name: 'big' } } }
    yield {
      name: 'cp out of a container',
      order: { method: 'GET', path: `${path}/big`, expect: bytes },
      digest: digestOf(bytes),
    }
  }
  const layer = digestOf(bytes, 'big')
  if (kinds.includes('load')) {
    const config = {
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
    }
    const manifest = [{ Config: 'config.json', RepoTags: ['large:1'], Layers: ['layer.tar'] }]
    const before = { 'manifest.json': JSON.stringify(manifest), 'config.json': JSON.stringify(config) }
    yield {
      name: 'load',
      order: {
        method: 'POST',
        path: '/v1.41/images/load?quiet=1',
        send: { bytes, name: 'layer.tar', inner: 'big', before },
      },
      after: ['rmi', 'large:1'],
    }
    // The last load is taken away; save has one of its own.
    yield {
      name: 'save',
      order: { method: 'GET', path: '/v1.41/images/large:1/get', expect: bytes + archiveBytes },
      digest: layer,
    }
  }
  if (!kinds.includes('build')) return
  const before = { Dockerfile: 'FROM flotilla/sample:latest\nLABEL large=1\n' }
  yield {
    name: 'build (context)',
    order: { method: 'POST', path: '/v1.41/build?t=built:1&rm=1', send: { bytes, name: 'big', before } },
    after: ['rmi', 'built:1'],
  }
}

async function measure(bed: Bed): Promise<readonly Row[]> {
  const rows: Row[] = []
  const startMb = bed.manager.rssMb()
  let last: Kind | undefined
  for (const kind of kindsOf(bed)) {
    if (kind.name === 'save' && last !== undefined) await transfer(bed, last, bed.direct)
    rows.push(...(await compare(bed, kind)))
    last = kind
  }
  const growthMb = bed.manager.peakRssMb() - startMb
  const slow = await beSlow(bed)
  const what = `${bytes / 2 ** 20} MiB`
  return [
    tellWrong(`${what}: failed or changed on the way`, bed.problems),
    ...rows,
    {
      name: `${what} each, resident memory of the manager, growth to its peak`,
      value: growthMb,
      unit: 'MB',
      mark: '<= 64',
    },
    { name: 'a reader at 4 MiB/s and an engine that is stopped, the same', value: slow, unit: 'MB', mark: '<= 64' },
  ]
}

async function compare(bed: Bed, kind: Kind): Promise<readonly Row[]> {
  const { manager, direct, yardstick } = bed
  const ways = { manager: { port: manager.port }, direct, ...(yardstick !== undefined && { yardstick }) }
  const names = ['manager', 'direct', 'yardstick'] as const
  const rates = { manager: [] as number[], direct: [] as number[], yardstick: [] as number[] }
  let cpuMs = 0
  for (let round = 0; round < rounds; round += 1) {
    for (const way of round % 2 === 0 ? names : names.toReversed()) {
      const place = ways[way]
      if (place === undefined) continue
      const before = manager.cpuMs()
      const ms = await transfer(bed, kind, place)
      if (way === 'manager') cpuMs += manager.cpuMs() - before
      rates[way].push(bytes / 2 ** 20 / (ms / 1000))
      if (kind.after !== undefined) await docker(bed.host, ...kind.after)
    }
  }
  const value = median(rates.manager)
  const name = `${kind.name}, ${bytes / 2 ** 20} MiB`
  const against = (what: string, base: number): Pick<Row, 'against'> => ({
    against: { name: what, value: base, ratio: value / base },
  })
  return [
    { name, value, unit: 'MiB/s', ...against('the engine directly', median(rates.direct)), mark: '>= 0.8 x' },
    ...(yardstick === undefined
      ? []
      : [{ name, value, unit: 'MiB/s', ...against('HAProxy', median(rates.yardstick)) }]),
    { name: `${name}, manager CPU`, value: cpuMs / rounds / (bytes / 2 ** 30), unit: 'ms/GiB' },
  ]
}

/** @returns milliseconds */
async function transfer(bed: Bed, kind: Kind, place: Place): Promise<number> {
  const report = await bed.load.order({ ...kind.order, place })
  const isWrong = kind.digest !== undefined && report.digest !== kind.digest
  if (report.status !== 200 || report.text.includes('errorDetail')) {
    bed.problems.push(`${kind.name}: ${report.status} ${report.text.slice(0, 300)}`)
  } else if (isWrong) bed.problems.push(`${kind.name}: other content came than was sent`)
  return report.ms
}

/** @returns by how much the manager grew while one end did not keep up, in MB */
async function beSlow({ host, load, manager, container, problems }: Bed): Promise<number> {
  const beforeMb = manager.rssMb()
  let mostMb = beforeMb
  const timer = setInterval(() => (mostMb = Math.max(mostMb, manager.rssMb())), 50)
  const path = `/v1.41/containers/${container}/archive?path=/data`
  const place = { port: manager.port }
  try {
    const sending = load.order({ place, method: 'PUT', path, send: { bytes: slowBytes, name: 'slow' } })
    await new Promise((resolve) => setTimeout(resolve, 100))
    await host.pause()
    await new Promise((resolve) => setTimeout(resolve, 3000))
    await host.resume()
    const sent = await sending
    if (sent.status !== 200) problems.push(`cp to an engine that was stopped: ${sent.status} ${sent.text}`)
    const order = { method: 'GET', path: `${path}/slow`, expect: slowBytes, bytesPerSecond: 4 * 2 ** 20 }
    const read = await load.order({ ...order, place })
    if (read.digest !== digestOf(slowBytes)) problems.push('cp to a slow reader: other content came than was sent')
  } finally {
    clearInterval(timer)
  }
  return mostMb - beforeMb
}
