import type { Kv } from '../../io/kv/kv.ts'
import { recordKinds } from './record-store.ts'
import type { RecordStore } from './record-store.ts'

const callMs = 5000

/**
 * Keeps records in a store that all managers share.
 *
 * @param root folder in the store, without slashes at its ends: `<prefix>/docker/swarm/flotilla`
 */
export function kvRecords(kv: Kv, root: string): RecordStore {
  const call = { deadlineMs: callMs }
  return {
    name: kv.name,
    async list() {
      const lists = await Promise.all(recordKinds.map((kind) => kv.list(`${root}/${kind}`, call)))
      return lists.flat().map(({ key, value, version }) => ({ key: key.slice(root.length + 1), text: value, version }))
    },
    write: (key, text, version) => kv.compareAndSet(`${root}/${key}`, text, version, call),
    remove: (key, version) => kv.remove(`${root}/${key}`, version, call),
  }
}
