import { FlotillaError } from '../../core/errors.ts'
import type { Kv } from './kv.ts'
import type { StoreOptions } from './store-options.ts'

/** Kinds of store, by the scheme of the discovery URL. */
export type StoreKind = 'consul' | 'etcd' | 'zk'

/** Ports where the URL names none. */
export const defaultPorts: Readonly<Record<StoreKind, number>> = { consul: 8500, etcd: 2379, zk: 2181 }

export function isStoreKind(text: string): text is StoreKind {
  return Object.hasOwn(defaultPorts, text)
}

/** Opens a client; each is loaded when it is asked for. Connects to nothing before the first call. */
export async function openKv(kind: StoreKind, options: StoreOptions): Promise<Kv> {
  if (kind !== 'etcd') throw new FlotillaError('cluster/unsupported', `${kind}:// is not in this version`)
  const [{ Etcd3Api }, { Etcd3Kv }] = await Promise.all([import('./etcd3-api.ts'), import('./etcd3.ts')])
  return new Etcd3Kv(new Etcd3Api(options, '/v3'), options)
}
