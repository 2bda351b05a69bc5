import { promises as fs } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { FlotillaError, isFlotillaError, toMessage } from '../core/errors.ts'
import { listFiles, makeFolder, pathExists, readTextFile, writeFileAtomic } from '../io/files.ts'
import { seal, unseal } from '../io/seal.ts'
import type { Sealed } from '../io/seal.ts'
import type { AuthOptions, Host } from './host.ts'
import { isHostName } from './host.ts'
import { parseRecord, renderRecord } from './record.ts'
import { existsError } from './store.ts'
import type { Store } from './store.ts'

/** One file of a machine's folder. */
interface BundleFile {
  /** Relative to the folder, with slashes. */
  readonly path: string
  readonly mode: number
  /** Base64. */
  readonly content: string
}

/** A machine as one file: record, certificates, keys. */
interface Bundle {
  readonly format: typeof format
  readonly name: string
  readonly record: string
  readonly files: readonly BundleFile[]
}

const format = 'flotilla-machine/1'
const sealedFormat = 'flotilla-machine/1+sealed'
/** Keys and certificates are small; disks of virtual machines stay where they are. */
const maxFileBytes = 256 * 1024
const maxBundleBytes = 16 * 1024 * 1024
const keyFiles = new Set(['config.json', 'config.json.bak', 'ca.pem', 'cert.pem', 'key.pem', 'ca-key.pem'])

export interface ExportOptions {
  /** Absent: not encrypted. */
  readonly passphrase?: string
  /** Files of the machine's folder that are left out, because they mean nothing elsewhere. */
  readonly placeFiles?: readonly string[]
  /** Also the key of the authority, with which certificates can be issued for every machine of the store. */
  readonly withCaKey: boolean
}

/**
 * Writes a machine into one text: its record, its keys, and the authority and client pair that it is used with.
 *
 * @returns the text, and the names of files that were too large
 */
export async function exportMachine(
  host: Host,
  store: Store,
  o: ExportOptions,
): Promise<{ readonly text: string; readonly left: readonly string[] }> {
  const folder = store.pathOf(host.name)
  const auth = host.options.AuthOptions
  const shared = new Map<string, string>([
    ['ca.pem', auth.CaCertPath],
    ['cert.pem', auth.ClientCertPath],
    ['key.pem', auth.ClientKeyPath],
    ...(o.withCaKey ? ([['ca-key.pem', auth.CaPrivateKeyPath]] as const) : []),
  ])
  const files: BundleFile[] = []
  const left: string[] = []
  for (const [path, source] of shared) {
    const file = await readBundleFile(source, path)
    if (file !== undefined) files.push(file)
    else if (path === 'ca-key.pem') {
      throw new FlotillaError('machine/certificate', `the key of the authority is not here: ${source}`)
    }
  }
  for (const path of await listFiles(folder)) {
    if (keyFiles.has(path) || path.includes('.tmp-') || o.placeFiles?.includes(path) === true) continue
    const { size } = await fs.stat(join(folder, path))
    const file = size > maxFileBytes ? undefined : await readBundleFile(join(folder, path), path)
    if (file === undefined) left.push(path)
    else files.push(file)
  }
  const bundle: Bundle = { format, name: host.name, record: renderRecord(host), files }
  const text = JSON.stringify(bundle, undefined, 2)
  if (o.passphrase === undefined) return { text: `${text}\n`, left }
  const sealed = { format: sealedFormat, ...(await seal(Buffer.from(text), o.passphrase)) }
  return { text: `${JSON.stringify(sealed, undefined, 2)}\n`, left }
}

async function readBundleFile(source: string, path: string): Promise<BundleFile | undefined> {
  if (source === '' || !(await pathExists(source))) return undefined
  const { mode } = await fs.stat(source)
  return { path, mode: mode & 0o777, content: (await fs.readFile(source)).toString('base64') }
}

/**
 * Puts an exported machine into a store. It is used with the authority and client pair it came with, whatever the store's own
 * are.
 *
 * @param name of the file, for messages
 * @param askPassphrase called only when the text is encrypted
 * @throws {machine/exists}, {machine/usage} for a file that is no such thing
 */
export async function importMachine(
  text: string,
  name: string,
  store: Store,
  askPassphrase: () => Promise<string | undefined>,
): Promise<Host> {
  const bundle = await openBundle(text, name, askPassphrase)
  if (await store.exists(bundle.name)) throw existsError(bundle.name)
  const { host } = parseRecord(bundle.record, bundle.name, store.root)
  const folder = store.pathOf(bundle.name)
  const has = (path: string): boolean => bundle.files.some((file) => file.path === path)
  const moved: Host = {
    ...host,
    driver: moveDriver(host, store, folder),
    options: { ...host.options, AuthOptions: moveAuth(host.options.AuthOptions, store.root, folder, has) },
  }
  return store.lock(bundle.name, async () => {
    await store.create(moved)
    try {
      for (const file of bundle.files) {
        const path = join(folder, file.path)
        await makeFolder(dirname(path), 0o700)
        await writeFileAtomic(path, Buffer.from(file.content, 'base64'), file.mode)
      }
    } catch (error) {
      await store.remove(bundle.name)
      throw error
    }
    return moved
  })
}

async function openBundle(
  text: string,
  name: string,
  askPassphrase: () => Promise<string | undefined>,
): Promise<Bundle> {
  const refuse = (why: string, cause?: unknown): FlotillaError =>
    new FlotillaError('machine/usage', `${name} is no exported machine: ${why}`, { cause })
  let value: unknown
  try {
    value = JSON.parse(text)
    if (readFormat(value) === sealedFormat) {
      const passphrase = await askPassphrase()
      if (passphrase === undefined)
        throw new FlotillaError('machine/usage', `${name} is encrypted: a passphrase is needed`)
      value = JSON.parse(Buffer.from(await unseal(value as Sealed, passphrase)).toString('utf8'))
    }
  } catch (error) {
    if (isFlotillaError(error))
      throw new FlotillaError(
        error.code,
        error.message.startsWith(name) ? error.message : `cannot open ${name}: ${error.message}`,
        { cause: error },
      )
    throw refuse(toMessage(error), error)
  }
  if (readFormat(value) !== format) throw refuse(`its format is not ${format}`)
  const bundle = value as Partial<Bundle>
  const { files } = bundle
  if (typeof bundle.name !== 'string' || !isHostName(bundle.name)) throw refuse('it names no machine')
  if (typeof bundle.record !== 'string' || !Array.isArray(files)) throw refuse('a part of it is missing')
  for (const file of files as readonly Partial<BundleFile>[]) {
    if (typeof file?.path !== 'string' || typeof file.content !== 'string' || typeof file.mode !== 'number') {
      throw refuse('one of its files has no path, mode or content')
    }
    if (!isInside(file.path))
      throw refuse(`its file ${JSON.stringify(file.path)} would lie outside the machine's folder`)
  }
  return bundle as Bundle
}

function readFormat(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, 'format') : undefined
}

/** A file from elsewhere must not be able to write anywhere but into its own folder. */
function isInside(path: string): boolean {
  const parts = path.split('/')
  return (
    !/[\\\0:]/.test(path) &&
    path !== 'config.json' &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..')
  )
}

function moveAuth(auth: AuthOptions, root: string, folder: string, has: (path: string) => boolean): AuthOptions {
  const own = (path: string, stored: string): string => (has(path) ? join(folder, path) : stored)
  return {
    ...auth,
    // Beside the client pair: only who has the authority's key may renew it.
    CertDir: has('ca-key.pem') ? folder : join(root, 'certs'),
    CaCertPath: own('ca.pem', auth.CaCertPath),
    CaPrivateKeyPath: join(folder, 'ca-key.pem'),
    ClientCertPath: own('cert.pem', auth.ClientCertPath),
    ClientKeyPath: own('key.pem', auth.ClientKeyPath),
    ServerCertPath: join(folder, 'server.pem'),
    ServerKeyPath: join(folder, 'server-key.pem'),
    StorePath: folder,
  }
}

function moveDriver(host: Host, store: Store, folder: string): Host['driver'] {
  const keyPath = host.driver['SSHKeyPath']
  const isOwnKey = typeof keyPath === 'string' && keyPath !== '' && basename(dirname(keyPath)) === host.name
  return {
    ...host.driver,
    StorePath: store.root,
    ...(isOwnKey && { SSHKeyPath: join(folder, basename(keyPath)) }),
  }
}

/** @throws {io/file} for files that are too large */
export async function readBundleText(path: string): Promise<string> {
  const text = await readTextFile(path, maxBundleBytes)
  if (text === undefined) throw new FlotillaError('io/file', `open ${path}: no such file or directory`)
  return text
}
