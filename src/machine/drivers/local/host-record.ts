import { join } from 'node:path'
import type { ProcessIdentity } from '../../../io/process-identity.ts'
import type { EngineCommand } from './engine-process.ts'
import { readRecord, writeRecord } from './state-file.ts'

/** What is kept about a host in `host.json` of its directory. */
export interface HostRecord {
  readonly version: 1
  readonly name: string
  readonly address: string
  /** Lower layer of its root: `/` or a tree. */
  readonly engineRoot: string
  readonly memoryBytes?: number
  /** CPU list in kernel notation. */
  readonly cpus?: string
  readonly hasSystemd?: boolean
  /** Name servers its resolv.conf lists. */
  readonly nameservers: readonly string[]
  /** Reach other networks through the gateway. */
  readonly hasRoute: boolean
  /** Who the host belongs to, in the words of its maker. */
  readonly owner?: string
  readonly engine?: EngineCommand
  /** Process 1 while the host runs; kept after a crash, when it no longer matches a process. */
  readonly first?: ProcessIdentity
}

function recordPath(directory: string): string {
  return join(directory, 'host.json')
}

/** The record of the host whose directory this is. */
export async function readHostRecord(directory: string): Promise<HostRecord | undefined> {
  return readRecord<HostRecord>(recordPath(directory))
}

/** Keeps the record of a host that is about to be made. */
export async function writeHostRecord(directory: string, record: HostRecord): Promise<void> {
  await writeRecord(recordPath(directory), record)
}
