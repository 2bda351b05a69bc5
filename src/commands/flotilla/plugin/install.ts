import { promises as fs } from 'node:fs'
import { dirname } from 'node:path'
import process from 'node:process'
import type { Run } from '../../../cli/command.ts'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { makeFolder, makeNonce, writeFileAtomic } from '../../../io/files.ts'
import type { installPluginFlags } from '../table.ts'
import { describeStarter, keptPath, ownerOf, pluginPath } from './place.ts'

export const run: Run<typeof installPluginFlags> = async (ctx, flags) => {
  const path = pluginPath(ctx, flags.system)
  const isForeign = (await ownerOf(path)) === 'foreign'
  if (isForeign && !flags.force) {
    throw new FlotillaError('cli/usage', `${path} is there and is not ours`, {
      hint: 'put ours in its place with --force: theirs is kept, and comes back with `flotilla uninstall-plugin`',
    })
  }
  const starter = await describeStarter()
  if (process.platform === 'win32') {
    throw new FlotillaError('platform/missing', 'on Windows copy the executable yourself', {
      hint: `copy flotilla.exe to ${path}`,
    })
  }
  await makeFolder(dirname(path), 0o755)
  if (isForeign) ctx.stderr.write(`what was there is kept as ${await keep(path)}\n`)
  if (starter.kind === 'script') await writeFileAtomic(path, starter.text, 0o755)
  else await replaceLink(path, starter.target)
  ctx.stdout.write(`${path}\n`)
  return 0
}

/**
 * Keeps what is there under a second name; the first one goes on working until ours takes it. What cannot have two names, a
 * folder or a file on a file system without hard links, is moved.
 */
async function keep(path: string): Promise<string> {
  const kept = keptPath(path)
  try {
    await fs.rm(kept, { force: true, recursive: true })
    await fs.link(path, kept).catch(() => fs.rename(path, kept))
  } catch (error) {
    throw new FlotillaError('io/file', `cannot keep ${JSON.stringify(path)}: ${toMessage(error)}`, { cause: error })
  }
  return kept
}

/** In one step: whoever calls the plugin meanwhile finds the old one or ours. */
async function replaceLink(path: string, target: string): Promise<void> {
  const temporary = `${path}.tmp-${makeNonce()}`
  try {
    await fs.symlink(target, temporary)
    await fs.rename(temporary, path)
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => {})
    throw new FlotillaError('io/file', `cannot write ${JSON.stringify(path)}: ${toMessage(error)}`, { cause: error })
  }
}
