import { FlotillaError } from '../../core/errors.ts'
import type { EtcdApi } from './etcd.ts'
import type { Kv } from './kv.ts'
import type { StoreOptions } from './store-options.ts'

/** Kinds of store, by the scheme of the discovery URL. */
export type StoreKind = 'consul' | 'etcd' | 'zk'

/** Ports where the URL names none. */
export const defaultPorts: Readonly<Record<StoreKind, number>> = { consul: 8500, etcd: 2379, zk: 2181 }

export function isStoreKind(text: string): text is StoreKind {
  return Object.hasOwn(defaultPorts, text)
}

/**
 * Opens a client; each is loaded when it is asked for. Connects to nothing before the first call.
 *
 * @param api which version of etcd's API: `auto`, `v2` or `v3`
 * @throws {cluster/invalid-option} for another version
 */
export async function openKv(kind: StoreKind, options: StoreOptions, api = 'auto'): Promise<Kv> {
  switch (kind) {
    case 'etcd': {
      if (!isEtcdApi(api)) {
        throw new FlotillaError('cluster/invalid-option', `kv.api is ${JSON.stringify(api)}, expected auto, v2 or v3`)
      }
      const { EtcdKv } = await import('./etcd.ts')
      return new EtcdKv(options, api)
    }
    case 'consul': {
      const { ConsulKv } = await import('./consul.ts')
      return new ConsulKv(options)
    }
    default: {
      const { ZookeeperKv } = await import('./zookeeper.ts')
      return new ZookeeperKv(options)
    }
  }
}

function isEtcdApi(text: string): text is EtcdApi {
  return text === 'auto' || text === 'v2' || text === 'v3'
}
