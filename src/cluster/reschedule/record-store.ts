/** First parts of keys. */
export const recordKinds: readonly string[] = ['containers', 'nodes', 'removed']

/** One kept text. */
export interface KeptText {
  /** `containers/SWARM-ID`, `nodes/ENGINE-ID` or `removed/SWARM-ID`. */
  readonly key: string
  readonly text: string
  /** Changes with every write. */
  readonly version: string
}

/**
 * Where the cluster keeps what must outlive a manager. One text a key, each written whole.
 *
 * Several managers may share one: of two that write over the same version only the first succeeds, so that a manager
 * that was frozen finds out before it acts.
 */
export interface RecordStore {
  /** For messages: `etcd 10.0.0.1:2379`, `folder /var/lib/x`. */
  readonly name: string
  list(): Promise<readonly KeptText[]>
  /**
   * @param version what the key has now; undefined: it must not exist
   * @returns the new version, or undefined when somebody else was first
   */
  write(key: string, text: string, version: string | undefined): Promise<string | undefined>
  /** @returns false when the key is not there, or has another version */
  remove(key: string, version: string): Promise<boolean>
}

/** Keeps records as long as this process lives. */
export function memoryRecords(): RecordStore {
  const kept = new Map<string, KeptText>()
  let count = 0
  return {
    name: 'memory',
    list: () => Promise.resolve([...kept.values()]),
    write(key, text, version) {
      if (kept.get(key)?.version !== version) return Promise.resolve(undefined)
      count += 1
      kept.set(key, { key, text, version: String(count) })
      return Promise.resolve(String(count))
    },
    remove(key, version) {
      const isOurs = kept.get(key)?.version === version
      if (isOurs) kept.delete(key)
      return Promise.resolve(isOurs)
    },
  }
}
