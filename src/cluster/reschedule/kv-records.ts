import type { Kv } from '../../io/kv/kv.ts'
import type { RecordStore } from './record-store.ts'

/** Below the prefix that discovery and leader election share. */
const folder = 'docker/swarm/flotilla'

const callMs = 5000

/**
 * Keeps records in a store that all managers share.
 *
 * @param prefix of the discovery address, without slashes at its ends; may be empty
 */
export function kvRecords(kv: Kv, prefix: string): RecordStore {
  const root = prefix === '' ? folder : `${prefix}/${folder}`
  const call = { deadlineMs: callMs }
  return {
    name: kv.name,
    async list() {
      const lists = await Promise.all(['containers', 'nodes'].map((kind) => kv.list(`${root}/${kind}`, call)))
      return lists.flat().map(({ key, value, version }) => ({ key: key.slice(root.length + 1), text: value, version }))
    },
    write: (key, text, version) => kv.compareAndSet(`${root}/${key}`, text, version, call),
    remove: (key, version) => kv.remove(`${root}/${key}`, version, call),
  }
}
