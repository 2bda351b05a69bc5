import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import { FlotillaError } from '../../core/errors.ts'
import { RegistryClient } from '../../engine/registry/client.ts'
import type { Manifest } from '../../engine/registry/client.ts'
import { parseReference } from '../../engine/registry/reference.ts'
import { findProxy } from '../../io/http/find-proxy.ts'
import { readTrustedRoots } from '../../io/trusted-roots.ts'
import { limits, mainName, readArtifact } from './artifact.ts'
import type { ArtifactPart } from './artifact.ts'
import { fillOnce } from './cache.ts'
import type { FetchedTree, FetchOptions } from './git.ts'
import type { OciReference } from './reference.ts'

export interface OciOptions extends FetchOptions {
  /** The ready `X-Registry-Auth` value for a reference. */
  readonly registryAuth: (reference: string) => Promise<string | undefined>
  /** Hosts to be spoken to without TLS. */
  readonly insecureRegistries: readonly string[]
}

export function openRegistry(name: string, o: OciOptions): RegistryClient {
  const reference = parseReference(name)
  return new RegistryClient(reference, {
    clock: o.clock,
    isInsecure: o.insecureRegistries.includes(reference.host),
    roots: () => readTrustedRoots(o.env),
    proxy: (url) => findProxy(url, o.env),
    auth: () => o.registryAuth(name),
    ...(o.signal !== undefined && { signal: o.signal }),
  })
}

/**
 * Fetches a Compose artifact. Every byte is checked against its digest before anything is written.
 *
 * @throws {compose/invalid} for what is no Compose artifact or names files outside its own folder
 */
export async function fetchOci({ name }: OciReference, o: OciOptions): Promise<FetchedTree> {
  const shown = `oci://${name}`
  const reference = parseReference(name)
  const client = openRegistry(name, o)
  let manifest: Manifest = await client.manifest(reference.digest ?? reference.tag ?? 'latest')
  let content = readArtifact(manifest.bytes, shown)
  if (content.kind === 'index') {
    manifest = await client.manifest(content.digest)
    content = readArtifact(manifest.bytes, shown)
  }
  if (content.kind === 'index') throw new FlotillaError('compose/invalid', `${shown}: an index in an index`)
  const { parts } = content
  const root = await fillOnce(o.cache, manifest.digest.replace('sha256:', ''), async (folder) => {
    const files = await readParts(client, parts)
    for (const [file, bytes] of files) await fs.writeFile(join(folder, file), bytes, { mode: 0o600, flag: 'wx' })
  })
  return { root, pin: manifest.digest }
}

async function readParts(client: RegistryClient, parts: readonly ArtifactPart[]): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>()
  let left = 32 * 1024 * 1024
  for (const { name = mainName, layer } of parts) {
    const bytes = await client.blob(layer, Math.min(limits.layerBytes, left))
    left -= bytes.length
    const known = files.get(name)
    if (known !== undefined && name !== mainName) {
      throw new FlotillaError('compose/invalid', `the artifact holds ${name} twice`)
    }
    files.set(name, known === undefined ? bytes : Buffer.concat([known, Buffer.from('\n---\n'), bytes]))
  }
  return files
}
