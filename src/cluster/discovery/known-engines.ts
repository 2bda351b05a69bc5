import { dirname } from 'node:path'
import { toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { makeFolder, readTextFile, writeFileAtomic } from '../../io/files.ts'
import { parseEntries, toSet } from './parse-entries.ts'

/** Remembers the engines of a store, for a manager that starts while the store does not answer. Never fails: it is a help. */
export interface KnownEngines {
  read(): Promise<readonly string[]>
  write(addresses: readonly string[]): Promise<void>
}

const fileMode = 0o600
const folderMode = 0o700

/** Keeps the addresses in a file, one a line. */
export function keepInFile(path: string, log: Log): KnownEngines {
  let hasFailed = false
  return {
    async read() {
      try {
        const lines = ((await readTextFile(path)) ?? '').split('\n').map((line) => line.trim())
        return toSet(parseEntries(lines.filter((line) => line !== '')).addresses)
      } catch (error) {
        log.warn(`cannot read the engines of the last run: ${toMessage(error)}`)
        return []
      }
    },
    async write(addresses) {
      try {
        await makeFolder(dirname(path), folderMode)
        await writeFileAtomic(path, addresses.map((each) => `${each}\n`).join(''), fileMode)
        hasFailed = false
      } catch (error) {
        if (!hasFailed) log.warn(`cannot keep the list of engines for the next start: ${toMessage(error)}`)
        hasFailed = true
      }
    },
  }
}
