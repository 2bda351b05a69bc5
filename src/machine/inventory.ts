import { isFlotillaError } from '../core/errors.ts'
import { settleLimit } from '../core/limit.ts'
import type { Host } from './host.ts'
import type { Store } from './store.ts'

/** Files that may be open at once. */
const parallel = 128

/** What was read of the store: readable records, and the errors of the others. */
export interface Inventory {
  readonly hosts: readonly Host[]
  readonly broken: readonly { readonly name: string; readonly error: unknown }[]
}

/** Reads all records, in the order of names. One that cannot be read never hides another. */
export async function readInventory(store: Store): Promise<Inventory> {
  const results = await settleLimit(await store.list(), parallel, (name) => store.load(name))
  const hosts = results.flatMap((result) => (result.kind === 'done' ? [result.value] : []))
  const broken = results.flatMap((result) =>
    result.kind === 'failed' && !isGone(result.error) ? [{ name: result.item, error: result.error }] : [],
  )
  return { hosts, broken }
}

/** Removed by another process between the listing and the look. */
function isGone(error: unknown): boolean {
  return isFlotillaError(error) && error.code === 'machine/not-found'
}
