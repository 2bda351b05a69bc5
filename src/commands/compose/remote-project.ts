import type { Context } from '../../cli/command.ts'
import type { Project } from '../../compose/model/project.ts'
import type { RemoteSource } from '../../compose/remote/remote-files.ts'
import { FlotillaError } from '../../core/errors.ts'
import { resolveLinks } from '../../io/text-files.ts'
import { openComplete, openTree } from './project.ts'

/**
 * The project, once the user has seen which of its files come from elsewhere and said yes. Without such files nothing is
 * asked.
 *
 * @param isYes `--yes`
 * @throws {cli/usage} `operation cancelled by user`
 */
export async function requireConfirmed(ctx: Context, services: readonly string[], isYes: boolean): Promise<Project> {
  let sources: readonly RemoteSource[] = []
  const project = await openComplete(ctx, { keepWritten: true }, services, (found) => {
    sources = found
  })
  if (sources.length === 0 || ctx.globals['dry-run'] === true) return project
  await show(ctx, project, sources)
  if (isYes) return project
  const { promptConfirm } = await import('../../ui/prompt.ts')
  const { stdin, stderr, signal } = ctx
  if (await promptConfirm('Do you want to continue? [y/N]: ', { stdin, stdout: stderr, signal })) return project
  throw new FlotillaError('cli/usage', 'operation cancelled by user')
}

async function show(ctx: Context, project: Project, sources: readonly RemoteSource[]): Promise<void> {
  const isQuiet = /^(?:quiet|none|json)$/.test(String(ctx.globals['progress'] ?? ''))
  if (isQuiet) return
  const tree = await openTree(ctx, { skipInterpolation: true, skipNormalization: true, skipConsistency: true })
  const { renderVariables } = await import('./config-variables.ts')
  const variables = renderVariables(tree, undefined)
  const lines = sources.map(
    ({ reference, pin, path }) => `Your compose stack "${reference}" is stored in "${path}" (${pin})\n`,
  )
  if (variables.trim().split('\n').length > 1)
    lines.push('Found the following variables in configuration:\n', variables)
  const { listReach } = await import('../../compose/remote/reach.ts')
  lines.push(...listReach(project, tree, resolveLinks))
  lines.push('Files from elsewhere can do harm. Make sure you trust the source.\n')
  ctx.stderr.write(lines.join(''))
}
