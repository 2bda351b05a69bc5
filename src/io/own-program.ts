import process from 'node:process'
import type { ProgramWords } from './exec.ts'

/**
 * The words that start this very program again, as `flotilla`: the interpreter and its script on Node, the
 * file itself when it is a single executable (whose first script path is inside the file).
 */
export function ownProgram(): ProgramWords {
  const script = process.argv[1]
  const isInside = script === undefined || script.startsWith('/$bunfs/') || /^[A-Z]:[\\/]~BUN[\\/]/i.test(script)
  return isInside ? [process.execPath] : [process.execPath, script]
}
