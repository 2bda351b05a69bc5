import { promises as fs } from 'node:fs'
import type { Run } from '../../../cli/command.ts'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { codeOf } from '../../../io/files.ts'
import type { uninstallPluginFlags } from '../table.ts'
import { keptPath, ownerOf, pluginPath } from './place.ts'

export const run: Run<typeof uninstallPluginFlags> = async (ctx, flags) => {
  const path = pluginPath(ctx, flags.system)
  const owner = await ownerOf(path)
  if (owner === 'nobody') throw new FlotillaError('cli/usage', `no plugin at ${path}`)
  if (owner === 'foreign') throw new FlotillaError('cli/usage', `${path} is not ours and stays`)
  let isBack = false
  try {
    isBack = await putBack(path)
    if (!isBack) await fs.rm(path)
  } catch (error) {
    throw new FlotillaError('io/file', `cannot remove ${JSON.stringify(path)}: ${toMessage(error)}`, { cause: error })
  }
  if (isBack) ctx.stderr.write('what was there before is back\n')
  ctx.stdout.write(`${path}\n`)
  return 0
}

/** The plugin that `install-plugin --force` kept, where there is one. A folder cannot take the place of a file. */
async function putBack(path: string): Promise<boolean> {
  const kept = keptPath(path)
  const there = await fs.lstat(kept).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (there === undefined) return false
  if (there.isDirectory()) await fs.rm(path)
  await fs.rename(kept, path)
  return true
}
