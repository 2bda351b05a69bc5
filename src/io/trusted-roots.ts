import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { FlotillaError } from '../core/errors.ts'
import { fileReason } from '../core/file-reason.ts'
import { codeOf } from './files.ts'

/** Where systems keep the authorities they trust, the first that is there counts (Go crypto/x509 root_linux.go). */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

const pemPattern = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * The authorities that the docker programs trust here, as one PEM text each: those of the file `SSL_CERT_FILE` and of the
 * folders `SSL_CERT_DIR`, else those of the system; those of `NODE_EXTRA_CA_CERTS` are added.
 *
 * @returns undefined where the system keeps none in files: what the run-time brings along counts
 * @throws {io/file} for a file that is named and cannot be read
 */
export async function readTrustedRoots(
  env: Readonly<Record<string, string | undefined>>,
  bundles: readonly string[] = systemBundles,
): Promise<readonly string[] | undefined> {
  const named = [
    ...(await readNamedFile('SSL_CERT_FILE', env)),
    ...(await readFolders((env['SSL_CERT_DIR'] ?? '').split(':').filter((path) => path !== ''))),
  ]
  const roots = named.length > 0 ? named : await readFirst(bundles)
  if (roots.length === 0) return undefined
  return [...roots, ...(await readNamedFile('NODE_EXTRA_CA_CERTS', env))]
}

async function readNamedFile(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly string[]> {
  const path = env[name] ?? ''
  if (path === '') return []
  try {
    return splitPem(await readFile(path, 'latin1'))
  } catch (error) {
    throw new FlotillaError('io/file', `cannot read ${path}, which ${name} names: ${fileReason(error)}`, {
      cause: error,
    })
  }
}

async function readFolders(folders: readonly string[]): Promise<readonly string[]> {
  const roots: string[] = []
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => [])
    // Beside certificates lie links by hash and files that are none.
    for (const name of names) roots.push(...splitPem(await readFile(join(folder, name), 'latin1').catch(() => '')))
  }
  return [...new Set(roots)]
}

async function readFirst(paths: readonly string[]): Promise<readonly string[]> {
  for (const path of paths) {
    const text = await readFile(path, 'latin1').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined
      throw new FlotillaError('io/file', `cannot read ${path}: ${fileReason(error)}`, { cause: error })
    })
    if (text !== undefined) return splitPem(text)
  }
  return []
}

function splitPem(text: string): readonly string[] {
  return text.match(pemPattern) ?? []
}
