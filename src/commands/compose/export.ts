import { resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { exportContainer } from '../../engine/api/commit.ts'
import { saveStream } from '../../io/save-stream.ts'
import { findContainer, requireArguments } from './one-container.ts'
import type { exportFlags } from './process-table.ts'
import { withSession } from './session.ts'
import { requireTarget } from './target.ts'

export const run: Run<typeof exportFlags> = async (ctx, flags, args) => {
  requireArguments(args, 1)
  const [service = ''] = args
  const { output } = flags
  if ((output === undefined || output === '') && ctx.terminal.isTty) {
    throw new FlotillaError('cli/usage', 'output option is required when exporting to terminal')
  }
  const { name: project } = await requireTarget(ctx, [])
  await withSession(ctx, async (session) => {
    const wanted = { project, service, index: flags.index, isStoppedFine: true }
    const container = await findContainer(ctx, session, wanted)
    const id = `${container.name} export ${container.name} to ${output ?? ''}`
    session.progress({ id, status: 'working', text: 'Exporting' })
    if (session.isDryRun) return session.progress({ id, status: 'done', text: 'Exported' })
    const body = await exportContainer(session.engine, container.id, { signal: ctx.signal })
    if (output === undefined || output === '') {
      await pipeline(body, ctx.stdout, { end: false })
    } else {
      await saveStream(body, resolve(ctx.cwd, output))
    }
    session.progress({ id, status: 'done', text: 'Exported' })
    return undefined
  })
}
