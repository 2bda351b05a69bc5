import type { MakeDiscovery } from './discovery.ts'
import { makeStoreDiscovery } from './kv-discovery.ts'

/** `etcd://h1:2379,h2:2379/prefix`: engines registered in etcd, over version 3 of its API, or 2 for clusters that know no other. */
export const etcd: MakeDiscovery = (rest, context) => makeStoreDiscovery('etcd', rest, context)
