import { FlotillaError } from '../core/errors.ts'
import { readTextFile } from '../io/files.ts'

/** @throws {machine/certificate} with Go's wording when the file is missing */
export async function readPem(path: string): Promise<string> {
  const text = await readTextFile(path)
  if (text === undefined) throw new FlotillaError('machine/certificate', `open ${path}: no such file or directory`)
  return text
}
