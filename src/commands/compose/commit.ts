import type { Run } from '../../cli/command.ts'
import { commitContainer } from '../../engine/api/commit.ts'
import { splitReference } from '../../compose/translate/image-name.ts'
import { findContainer, requireArguments } from './one-container.ts'
import type { commitFlags } from './process-table.ts'
import { withSession } from './session.ts'
import { requireTarget } from './target.ts'

export const run: Run<typeof commitFlags> = async (ctx, flags, args) => {
  requireArguments(args, 1, 2)
  const [service = '', reference] = args
  const target = reference === undefined ? {} : splitReference(reference)
  const { name: project } = await requireTarget(ctx, [])
  await withSession(
    ctx,
    async (session) => {
      const wanted = { project, service, index: flags.index, isStoppedFine: true }
      const container = await findContainer(ctx, session, wanted)
      const event = { id: container.name, text: `Commit ${container.name}`, isTransfer: true }
      session.progress({ ...event, status: 'working', detail: 'Committing' })
      if (session.isDryRun) return session.progress({ ...event, status: 'done', detail: 'Committed' })
      const made = await commitContainer(
        session.engine,
        container.id,
        {
          ...target,
          pause: flags.pause,
          changes: flags.change,
          ...(flags.author !== undefined && { author: flags.author }),
          ...(flags.message !== undefined && { comment: flags.message }),
        },
        { signal: ctx.signal },
      )
      session.progress({ ...event, status: 'done', detail: `Committed as ${made}` })
      return undefined
    },
    { title: 'Committing' },
  )
}
