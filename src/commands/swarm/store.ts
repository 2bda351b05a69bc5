import type { DiscoveryContext } from '../../cluster/discovery/discovery.ts'
import type { ClusterStore } from '../../cluster/discovery/kv-discovery.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { MutualTls } from '../../io/dial.ts'
import { readTextFile } from '../../io/files.ts'

/**
 * Opens the store that a discovery URL names, once for discovery, election and records; undefined for an address of
 * another kind. Reads the certificates that `--discovery-opt` names.
 */
export async function openStore(address: string, context: DiscoveryContext): Promise<ClusterStore | undefined> {
  if (!isStoreAddress(address)) return undefined
  const { openClusterStore } = await import('../../cluster/discovery/kv-discovery.ts')
  const storeTls = await readStoreTls(context.options)
  tellTls(address, storeTls, context)
  return openClusterStore(address, { ...context, storeTls })
}

const tlsOptions = ['kv.cacertfile', 'kv.certfile', 'kv.keyfile'] as const

function isStoreAddress(address: string): boolean {
  return /^(?:consul|etcd|zk):\/\//.test(address)
}

/**
 * Says how a store is spoken to, as the ancestor did; on its standard output, where `list` has nothing but addresses. The
 * ancestor said nothing of files that were named and not used.
 */
export function tellTls(
  address: string,
  tls: MutualTls | undefined,
  { log, options }: { readonly log: Log; readonly options: ReadonlyMap<string, string> },
): void {
  if (!isStoreAddress(address)) return
  log.info(`Initializing discovery ${tls === undefined ? 'without' : 'with'} TLS`)
  const missing = tlsOptions.filter((name) => !options.has(name))
  if (tls !== undefined || missing.length === tlsOptions.length) return
  const what = `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing`
  log.warn(
    `the store is spoken to without TLS: ${what}, and kv.cacertfile, kv.certfile and kv.keyfile count only together`,
  )
}

/**
 * What the files of `kv.cacertfile`, `kv.certfile` and `kv.keyfile` hold. As with the ancestor, the store is spoken to
 * over TLS only when all three are given.
 *
 * @throws {cluster/invalid-option} naming the file
 */
export async function readStoreTls(options: ReadonlyMap<string, string>): Promise<MutualTls | undefined> {
  const [ca, cert, key] = [options.get('kv.cacertfile'), options.get('kv.certfile'), options.get('kv.keyfile')]
  if (ca === undefined || cert === undefined || key === undefined) return undefined
  // One after the other: of several that cannot be read the same one is named every time.
  return { ca: await readPem(ca), cert: await readPem(cert), key: await readPem(key) }
}

async function readPem(path: string): Promise<string> {
  const fail = (reason: string, cause?: unknown): FlotillaError =>
    new FlotillaError('cluster/invalid-option', `cannot read ${path} for the discovery store: ${reason}`, { cause })
  const text = await readTextFile(path).catch((error: unknown) => {
    throw fail(toMessage(error), error)
  })
  if (text === undefined) throw fail('no such file')
  return text
}
