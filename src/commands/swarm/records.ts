import { join, resolve } from 'node:path'
import type { Context } from '../../cli/command.ts'
import type { DiscoveryContext } from '../../cluster/discovery/discovery.ts'
import type { ClusterStore } from '../../cluster/discovery/kv-discovery.ts'
import { memoryRecords } from '../../cluster/reschedule/record-store.ts'
import type { RecordStore } from '../../cluster/reschedule/record-store.ts'

/**
 * Where records are kept: in the folder that was named, else in the store of discovery, else in memory.
 *
 * @throws {io/file} when the folder cannot be made
 */
export async function openRecords(
  ctx: Context,
  store: ClusterStore | undefined,
  folder: string | undefined,
): Promise<RecordStore> {
  if (folder !== undefined && folder !== '') {
    const { folderRecords } = await import('../../cluster/reschedule/folder-records.ts')
    return folderRecords(resolve(ctx.cwd, folder))
  }
  if (store === undefined) return memoryRecords()
  const { kvRecords } = await import('../../cluster/reschedule/kv-records.ts')
  return kvRecords(store.kv, store.toKey('flotilla'))
}

/**
 * Lets a store's engines be known at the next start: in the file that `kv.known` names, which each of several managers can
 * have for itself, else in the folder of records.
 */
export async function rememberEngines(
  ctx: Context,
  context: DiscoveryContext,
  folder: string | undefined,
): Promise<DiscoveryContext> {
  const path = context.options.get('kv.known') ?? (folder ? join(folder, 'engines') : '')
  if (path === '') return context
  const { keepInFile } = await import('../../cluster/discovery/known-engines.ts')
  return { ...context, known: keepInFile(resolve(ctx.cwd, path), ctx.log) }
}
