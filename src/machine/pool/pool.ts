import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { codeOf, makeFolder, pathExists, readTextFile, writeFileAtomic } from '../../io/files.ts'
import { removeBlock, replaceBlock } from '../provision/config-block.ts'
import { isHostName } from '../host.ts'
import type { Host } from '../host.ts'

/** Machines of one kind, as many as there is work for. Kept in `pools/NAME.json` of the store, which docker-machine does not look at. */
export interface Pool {
  readonly name: string
  readonly driver: string
  /** Machines that are there without any work. */
  readonly min: number
  readonly max: number
  /** How long a machine without containers is kept, in milliseconds. */
  readonly idleMs: number
  /** Containers that have ended do not keep a machine. */
  readonly ignoresExited: boolean
  /** Flags of `create` for each machine, the driver's included, by long name. */
  readonly flags: Readonly<Record<string, PoolFlag>>
}

export type PoolFlag = boolean | string | number | readonly string[]

const version = 1
/** A name, a dash and six digits make the name of a machine. */
const maxNameLength = 40

function poolFolder(root: string): string {
  return join(root, 'pools')
}

/** Discovery file with the addresses of the pool's machines, for `swarm manage file://…`. */
export function nodesFileOf(root: string, name: string): string {
  return join(poolFolder(root), `${name}.nodes`)
}

export function lockFileOf(root: string, name: string): string {
  return join(poolFolder(root), `${name}.lock`)
}

function fileOf(root: string, name: string): string {
  return join(poolFolder(root), `${name}.json`)
}

/** @throws {machine/usage} */
function checkPool(pool: Pool): void {
  const problem =
    !isHostName(pool.name) || pool.name.length > maxNameLength
      ? `pool name ${JSON.stringify(pool.name)}: allowed are ${maxNameLength} of 0-9a-zA-Z . -, a letter or digit first`
      : pool.min < 0 || pool.max < 1 || pool.max > 1000 || pool.min > pool.max
        ? `--min ${pool.min} --max ${pool.max}: at least 0, at most 1000, and min not above max`
        : pool.idleMs < 1000
          ? '--idle: at least 1s'
          : undefined
  if (problem !== undefined) throw new FlotillaError('machine/usage', problem)
}

export async function savePool(root: string, pool: Pool, isNew: boolean): Promise<void> {
  checkPool(pool)
  if (isNew && (await pathExists(fileOf(root, pool.name)))) {
    throw new FlotillaError('machine/exists', `pool "${pool.name}" already exists`)
  }
  await makeFolder(poolFolder(root), 0o700)
  // Flags of a driver may be secrets.
  await writeFileAtomic(fileOf(root, pool.name), `${JSON.stringify({ version, ...pool }, undefined, 2)}\n`, 0o600)
  const nodes = nodesFileOf(root, pool.name)
  if (!(await pathExists(nodes))) await writeFileAtomic(nodes, emptyNodes, 0o644)
}

/** A discovery file that holds nothing yet. */
const emptyNodes = '# Nodes that are always there can be added here, HOST:PORT a line.\n'

/** Writes where the engines of a pool are; lines that the user has put beside them stay. */
export async function announcePool(root: string, name: string, addrs: readonly string[]): Promise<void> {
  const path = nodesFileOf(root, name)
  const before = (await readTextFile(path)) ?? emptyNodes
  const after = addrs.length === 0 ? removeBlock(before) : replaceBlock(before, [...addrs].sort().join('\n'))
  if (after !== before) await writeFileAtomic(path, after, 0o644)
}

/** @throws {machine/not-found} and {machine/invalid-record} naming the file */
export async function loadPool(root: string, name: string): Promise<Pool> {
  const path = fileOf(root, name)
  const text = isHostName(name) ? await readTextFile(path) : undefined
  if (text === undefined) throw new FlotillaError('machine/not-found', `there is no pool "${name}"`)
  try {
    const found = JSON.parse(text) as Partial<Pool> & { readonly version?: number }
    if (found.version !== version)
      throw new Error(`it is of version ${String(found.version)}, this program knows ${version}`)
    const { driver, min, max, idleMs, ignoresExited, flags } = found
    const isWhole =
      typeof driver === 'string' && typeof flags === 'object' && [min, max, idleMs].every(Number.isInteger)
    if (!isWhole) throw new Error('fields are missing')
    const pool = { name, driver, min, max, idleMs, ignoresExited: ignoresExited === true, flags } as Pool
    checkPool(pool)
    return pool
  } catch (error) {
    throw new FlotillaError('machine/invalid-record', `cannot read ${path}: ${toMessage(error)}`, { cause: error })
  }
}

/** Names, sorted. */
export async function listPools(root: string): Promise<readonly string[]> {
  try {
    const names = await fs.readdir(poolFolder(root))
    return names
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -5))
      .sort()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw new FlotillaError('machine/store', `cannot list the pools: ${toMessage(error)}`, { cause: error })
  }
}

export async function removePool(root: string, name: string): Promise<void> {
  for (const path of [fileOf(root, name), nodesFileOf(root, name), lockFileOf(root, name)])
    await fs.rm(path, { force: true })
}

/** The pool a machine belongs to, from a field of its own at the top of the record. */
export function poolOf(host: Host): string | undefined {
  const name = host.extra?.['Pool']
  return typeof name === 'string' ? name : undefined
}
