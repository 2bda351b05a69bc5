import { promises as fs } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'
import type { Context } from '../../../cli/command.ts'
import { quoteShell } from '../../../core/shell-quote.ts'
import { codeOf, readTextFile } from '../../../io/files.ts'
import { ownProgram } from '../../../io/own-program.ts'

/** Where the docker command looks for plugins of one user, and of all (docker/cli cli-plugins/manager). */
const systemFolder =
  process.platform === 'win32'
    ? join(process.env['ProgramData'] ?? 'C:\\ProgramData', 'Docker', 'cli-plugins')
    : '/usr/local/lib/docker/cli-plugins'

/** The line that marks a starter we wrote. */
const mark = '# flotilla: plugin of the docker command'

/** Path of the plugin. */
export function pluginPath(ctx: Pick<Context, 'env'>, isSystem: boolean): string {
  const name = process.platform === 'win32' ? 'docker-compose.exe' : 'docker-compose'
  if (isSystem) return join(systemFolder, name)
  const home = take(ctx.env['HOME']) ?? homedir()
  return join(take(ctx.env['DOCKER_CONFIG']) ?? join(home, '.docker'), 'cli-plugins', name)
}

/** Where a plugin that ours takes the place of is kept. The docker command reads every `docker-*` beside it. */
export function keptPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.before-flotilla`)
}

function take(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}

/** How the plugin comes about: a link to the executable, or a starter for the interpreter and its script. */
export type Starter =
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'script'; readonly text: string }

export async function describeStarter(): Promise<Starter> {
  const [program, script] = ownProgram()
  if (script === undefined) return { kind: 'link', target: await fs.realpath(program) }
  const entry = join(dirname(await fs.realpath(script)), 'docker-compose.cjs')
  return {
    kind: 'script',
    text: `#!/bin/sh\n${mark}\nexec ${quoteShell(program)} -- ${quoteShell(entry)} "$@"\n`,
  }
}

/** Whose a plugin is; a link whose target has gone is nobody's loss. */
export async function ownerOf(path: string): Promise<'nobody' | 'ours' | 'foreign'> {
  const link = await fs.readlink(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null
    return undefined
  })
  if (link === null) return 'nobody'
  if (link !== undefined) return (await isOurTarget(path, link)) ? 'ours' : 'foreign'
  const size = (await fs.stat(path)).size
  if (size > 4096) return 'foreign'
  const text = await readTextFile(path).catch(() => undefined)
  return text?.split('\n')[1] === mark ? 'ours' : 'foreign'
}

async function isOurTarget(path: string, link: string): Promise<boolean> {
  if (/^flotilla(?:\.exe)?$/.test(basename(link))) return true
  const [own, target] = await Promise.all([fs.realpath(ownProgram()[0]), fs.realpath(path).catch(() => '')])
  return own === target && ownProgram().length === 1
}
