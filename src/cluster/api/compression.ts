/** How an archive is packed, by its first bytes. */
export type Compression = 'gzip' | 'bzip2' | 'xz' | 'zstd' | 'none'

/** Bytes that tell. */
export const signatureLength = 6

const signatures: readonly (readonly [Compression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
]

/** @param start the first bytes of the archive, fewer when it is shorter */
export function detectCompression(start: Uint8Array): Compression {
  const found = signatures.find(([, bytes]) => bytes.every((byte, at) => start[at] === byte))
  return found?.[0] ?? 'none'
}

/** The first release that no longer starts programs out of the container (GHSA-x86f-5xw2-fm2r). */
const fixed = [29, 5, 1]

/**
 * True for engines that unpack an archive with whatever program of that name the container's own files hold, as root of
 * the host. A version that cannot be read counts as one of them.
 */
export function runsForeignUnpacker(serverVersion: string): boolean {
  const parts = /^(\d+)\.(\d+)\.(\d+)/.exec(serverVersion)?.slice(1).map(Number)
  if (parts === undefined) return true
  for (const [at, part] of fixed.entries()) {
    const own = parts[at] ?? 0
    if (own !== part) return own < part
  }
  return false
}
