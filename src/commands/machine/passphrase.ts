import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { readTextFile } from '../../io/files.ts'
import { resolve } from 'node:path'

/** The passphrase of a file or of `MACHINE_PASSPHRASE`; a final line end does not count. `undefined`: there is none. */
export async function readPassphrase(ctx: Context, file: string): Promise<string | undefined> {
  if (file === '') {
    const named = ctx.env['MACHINE_PASSPHRASE'] ?? ''
    return named === '' ? undefined : named
  }
  const text = await readTextFile(resolve(ctx.cwd, file))
  if (text === undefined) throw new FlotillaError('machine/usage', `--passphrase-file ${file}: no such file`)
  const passphrase = text.replace(/\r?\n$/, '')
  if (passphrase === '') throw new FlotillaError('machine/usage', `--passphrase-file ${file}: it is empty`)
  return passphrase
}
