import type { MakeDiscovery } from './discovery.ts'
import { makeStoreDiscovery } from './kv-discovery.ts'

/** `zk://h1:2181,h2:2181/prefix`: engines registered in ZooKeeper as ephemeral nodes. */
export const zk: MakeDiscovery = (rest, context) => makeStoreDiscovery('zk', rest, context)
