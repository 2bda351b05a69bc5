import { promises as fs } from 'node:fs'
import { FlotillaError } from '../../core/errors.ts'
import { fileReason } from '../../core/file-reason.ts'
import { goQuote } from '../../core/goquote.ts'

/**
 * Refuses keys that other users could read, as docker-machine and ssh do.
 *
 * @throws {io/ssh}
 */
export async function checkKeyFile(path: string): Promise<void> {
  let mode: number
  try {
    mode = (await fs.stat(path)).mode & 0o777
  } catch (error) {
    throw new FlotillaError('io/ssh', `cannot use SSH key ${goQuote(path)}: ${fileReason(error)}`, { cause: error })
  }
  if (process.platform === 'win32') return
  const shown = mode.toString(8).padStart(4, '0')
  if ((mode & 0o400) === 0) throw new FlotillaError('io/ssh', `'${path}' is not readable`)
  if ((mode & 0o077) !== 0) throw new FlotillaError('io/ssh', `permissions ${shown} for '${path}' are too open`)
}
