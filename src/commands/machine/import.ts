import { resolve } from 'node:path'
import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { importMachine, readBundleText } from '../../machine/bundle.ts'
import { openStore, programWords } from './open-machine.ts'
import type { importFlags } from './own-table.ts'
import { readPassphrase } from './passphrase.ts'

/** Puts a machine that was exported elsewhere into the store. */
export const run: Run<typeof importFlags> = async (ctx, flags, args) => {
  const [file, ...more] = args
  if (file === undefined || more.length > 0) {
    ctx.stdout.write(await ctx.helpPage())
    throw new FlotillaError('machine/usage', 'Error: Expected one file as an argument')
  }
  const store = openStore(ctx)
  const text = await readBundleText(resolve(ctx.cwd, file))
  const { name } = await importMachine(text, file, store, () => readPassphrase(ctx, flags['passphrase-file']))
  ctx.log.info(`Machine "${name}" was imported. To use it, run: ${programWords(ctx)} env ${name}`)
}
