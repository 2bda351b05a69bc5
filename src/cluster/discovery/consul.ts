import type { MakeDiscovery } from './discovery.ts'
import { makeStoreDiscovery } from './kv-discovery.ts'

/** `consul://h:8500/prefix`: engines registered in Consul with sessions. */
export const consul: MakeDiscovery = (rest, context) => makeStoreDiscovery('consul', rest, context)
