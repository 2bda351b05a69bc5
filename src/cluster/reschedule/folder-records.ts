import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { promises as fs } from 'node:fs'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { codeOf, listFiles, makeFolder, readTextFile, sweepTemporaries, writeFileAtomic } from '../../io/files.ts'
import { recordKinds as kinds } from './record-store.ts'
import type { KeptText, RecordStore } from './record-store.ts'

/** Records hold what containers hold, environment included: for the owner's eyes. */
const fileMode = 0o600
const folderMode = 0o700

/**
 * Keeps each record in a file of its own below `root`. For one manager: versions protect against its own mistakes, not
 * against a second process.
 *
 * @throws {io/file} when the folder cannot be made
 */
export async function folderRecords(root: string): Promise<RecordStore> {
  for (const kind of kinds) await makeFolder(join(root, kind), folderMode)
  const versions = new Map<string, string>()
  return {
    name: `folder ${root}`,
    async list() {
      const found: KeptText[] = []
      for (const kind of kinds) {
        for (const file of await listFiles(join(root, kind))) {
          if (!file.endsWith('.json')) {
            await sweepTemporaries(join(root, kind, file.replace(/\.tmp-.*$/, '')))
            continue
          }
          const name = decodeName(file.slice(0, -'.json'.length))
          if (name === undefined) continue
          const key = `${kind}/${name}`
          const text = await readTextFile(join(root, kind, file))
          if (text === undefined) continue
          const version = versionOf(text)
          versions.set(key, version)
          found.push({ key, text, version })
        }
      }
      return found
    },
    async write(key, text, version) {
      if (versions.get(key) !== version) return undefined
      await writeFileAtomic(pathOf(root, key), text, fileMode)
      const next = versionOf(text)
      versions.set(key, next)
      return next
    },
    async remove(key, version) {
      if (versions.get(key) !== version) return false
      try {
        await fs.unlink(pathOf(root, key))
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') {
          throw new FlotillaError('io/file', `cannot delete record ${key}: ${toMessage(error)}`, { cause: error })
        }
      }
      return versions.delete(key)
    },
  }
}

function versionOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** Undefined for what was not made by `pathOf`. */
function decodeName(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** IDs are words of engines and clients: none may lead out of the folder. */
function pathOf(root: string, key: string): string {
  const cut = key.indexOf('/')
  const name = encodeURIComponent(key.slice(cut + 1)).replaceAll('.', '%2E')
  return join(root, key.slice(0, cut), `${name}.json`)
}
