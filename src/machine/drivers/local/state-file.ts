import { rmdir } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { FlotillaError } from '../../../core/errors.ts'
import { readTextFile, writeFileAtomic } from '../../../io/files.ts'

/**
 * Records of what has been made, one JSON file per thing, written before the thing is made, so that a
 * later run finds what a crashed one left.
 */
export async function writeRecord(path: string, record: object): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(record, null, 2)}\n`, 0o600)
}

/**
 * @returns `undefined` when there is none
 * @throws {machine/invalid-record} naming the file
 */
export async function readRecord<T>(path: string): Promise<T | undefined> {
  const text = await readTextFile(path)
  if (text === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new FlotillaError('machine/invalid-record', `cannot read ${path}: it is not JSON`, { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FlotillaError('machine/invalid-record', `cannot read ${path}: it is not a JSON object`)
  }
  return value as T
}

/** The directory of a fleet, the one that holds all fleets, and ours above it go when they are empty. */
export async function removeEmptyFolders(directory: string): Promise<void> {
  const parent = dirname(directory)
  const above = basename(dirname(parent)) === 'flotilla' ? [dirname(parent)] : []
  for (const path of [directory, parent, ...above]) await rmdir(path).catch(() => undefined)
}
