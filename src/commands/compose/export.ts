import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
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
  await withSession(
    ctx,
    async (session) => {
      const wanted = { project, service, index: flags.index, isStoppedFine: true }
      const container = await findContainer(ctx, session, wanted)
      const event = { id: container.name, text: `export ${container.name} to ${output ?? ''}`, isTransfer: true }
      if (output !== undefined && output !== '') await requireFolder(dirname(resolve(ctx.cwd, output)))
      session.progress({ ...event, status: 'working', detail: 'Exporting' })
      if (session.isDryRun) return session.progress({ ...event, status: 'done', detail: 'Exported' })
      const body = await exportContainer(session.engine, container.id, { signal: ctx.signal })
      if (output === undefined || output === '') {
        await pipeline(body, ctx.stdout, { end: false })
      } else {
        await saveStream(body, resolve(ctx.cwd, output))
      }
      session.progress({ ...event, status: 'done', detail: 'Exported' })
      return undefined
    },
    { title: 'Exporting' },
  )
}

/** @throws {io/file} in the words of docker-compose 2.40 */
async function requireFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory() === true) return
  const what = `invalid output path: directory "${path}" does not exist`
  throw new FlotillaError('io/file', `failed to export container: ${what}`)
}
