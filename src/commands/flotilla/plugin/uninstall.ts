import { promises as fs } from 'node:fs'
import type { Run } from '../../../cli/command.ts'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import type { uninstallPluginFlags } from '../table.ts'
import { ownerOf, pluginPath } from './place.ts'

export const run: Run<typeof uninstallPluginFlags> = async (ctx, flags) => {
  const path = pluginPath(ctx, flags.system)
  const owner = await ownerOf(path)
  if (owner === 'nobody') throw new FlotillaError('cli/usage', `no plugin at ${path}`)
  if (owner === 'foreign') throw new FlotillaError('cli/usage', `${path} is not ours and stays`)
  try {
    await fs.rm(path)
  } catch (error) {
    throw new FlotillaError('io/file', `cannot remove ${JSON.stringify(path)}: ${toMessage(error)}`, { cause: error })
  }
  ctx.stdout.write(`${path}\n`)
  return 0
}
