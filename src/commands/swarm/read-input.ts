import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { readTextFile } from '../../io/files.ts'

/** A file's text, or the standard input for `-`. @throws {io/file} when there is no such file */
export async function readInput(ctx: Context, path: string): Promise<string> {
  if (path === '-') {
    let text = ''
    ctx.stdin.setEncoding('utf8')
    for await (const chunk of ctx.stdin) text += String(chunk)
    return text
  }
  const text = await readTextFile(path)
  if (text === undefined) throw new FlotillaError('io/file', `cannot read "${path}": no such file`)
  return text
}
