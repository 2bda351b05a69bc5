import { renderBinarySize, renderDecimalSize } from '../../core/bytes.ts'

/** A container's use of its engine; the names are those of templates and of the JSON form. */
export interface StatsRow {
  readonly BlockIO: string
  readonly CPUPerc: string
  readonly Container: string
  readonly ID: string
  readonly MemPerc: string
  readonly MemUsage: string
  readonly Name: string
  readonly NetIO: string
  readonly PIDs: string
}

/** One reading of `GET /containers/ID/stats`, as far as it is used. */
export interface StatsReading {
  /** RFC 3339; Go's zero time once the container has ended. */
  readonly read?: string
  readonly cpu_stats?: CpuReading
  readonly precpu_stats?: CpuReading
  readonly memory_stats?: {
    readonly usage?: number
    readonly limit?: number
    readonly stats?: Readonly<Record<string, number>> | null
  }
  readonly blkio_stats?: {
    readonly io_service_bytes_recursive?: readonly { readonly op: string; readonly value: number }[] | null
  }
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>> | null
  readonly pids_stats?: { readonly current?: number }
}

interface CpuReading {
  readonly cpu_usage?: { readonly total_usage?: number; readonly percpu_usage?: readonly number[] | null }
  readonly system_cpu_usage?: number
  readonly online_cpus?: number
}

const shortIdDigits = 12
const noTime = '0001-'

/** @param reading undefined while none has come: a container that does not run has none */
export function toStatsRow(
  container: { readonly id: string; readonly name: string },
  reading: StatsReading | undefined,
  isWhole: boolean,
): StatsRow {
  const id = isWhole ? container.id : container.id.slice(0, shortIdDigits)
  const { id: Container, name: Name } = container
  if (reading === undefined || reading.read?.startsWith(noTime) === true) {
    const none = '--'
    // The order is that of Go's JSON.
    return {
      BlockIO: none,
      CPUPerc: none,
      Container,
      ID: id,
      MemPerc: none,
      MemUsage: '-- / --',
      Name,
      NetIO: none,
      PIDs: none,
    }
  }
  const { used, limit } = readMemory(reading)
  const [received, sent] = readNetwork(reading)
  const [read, written] = readBlocks(reading)
  return {
    BlockIO: `${renderDecimalSize(read)} / ${renderDecimalSize(written)}`,
    CPUPerc: `${readCpuPercent(reading).toFixed(2)}%`,
    Container,
    ID: id,
    MemPerc: `${(limit === 0 ? 0 : (used / limit) * 100).toFixed(2)}%`,
    MemUsage: `${renderBinarySize(used)} / ${renderBinarySize(limit)}`,
    Name,
    NetIO: `${renderDecimalSize(received)} / ${renderDecimalSize(sent)}`,
    PIDs: String(reading.pids_stats?.current ?? 0),
  }
}

/** The share of one processor since the reading before. */
function readCpuPercent(reading: StatsReading): number {
  const [now, before] = [reading.cpu_stats, reading.precpu_stats]
  const used = (now?.cpu_usage?.total_usage ?? 0) - (before?.cpu_usage?.total_usage ?? 0)
  const passed = (now?.system_cpu_usage ?? 0) - (before?.system_cpu_usage ?? 0)
  const counted = now?.online_cpus ?? 0
  const processors = counted > 0 ? counted : (now?.cpu_usage?.percpu_usage?.length ?? 0)
  return used > 0 && passed > 0 ? (used / passed) * processors * 100 : 0
}

/** What is only cached and could be had back at once does not count: control groups 1 and 2 name it differently. */
function readMemory({ memory_stats: memory }: StatsReading): { readonly used: number; readonly limit: number } {
  const usage = memory?.usage ?? 0
  const inactive = memory?.stats?.['total_inactive_file'] ?? memory?.stats?.['inactive_file'] ?? 0
  return { used: inactive < usage ? usage - inactive : usage, limit: memory?.limit ?? 0 }
}

function readNetwork({ networks }: StatsReading): readonly [number, number] {
  const all = Object.values(networks ?? {})
  return [all.reduce((sum, each) => sum + each.rx_bytes, 0), all.reduce((sum, each) => sum + each.tx_bytes, 0)]
}

function readBlocks({ blkio_stats: blocks }: StatsReading): readonly [number, number] {
  let [read, written] = [0, 0]
  for (const { op, value } of blocks?.io_service_bytes_recursive ?? []) {
    if (/^r/i.test(op)) read += value
    else if (/^w/i.test(op)) written += value
  }
  return [read, written]
}

export const statsHeadings: Readonly<Record<string, string>> = {
  BlockIO: 'BLOCK I/O',
  CPUPerc: 'CPU %',
  Container: 'CONTAINER',
  ID: 'CONTAINER ID',
  MemPerc: 'MEM %',
  MemUsage: 'MEM USAGE / LIMIT',
  Name: 'NAME',
  NetIO: 'NET I/O',
  PIDs: 'PIDS',
}

export const statsTable =
  'table {{.ID}}\\t{{.Name}}\\t{{.CPUPerc}}\\t{{.MemUsage}}\\t{{.MemPerc}}\\t{{.NetIO}}\\t{{.BlockIO}}\\t{{.PIDs}}'
