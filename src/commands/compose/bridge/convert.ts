import { resolve } from 'node:path'
import type { Run } from '../../../cli/command.ts'
import { readFolder } from '../../../compose/bridge/archive.ts'
import { defaultTransformation, transform } from '../../../compose/bridge/transform.ts'
import { renderProject } from '../../../compose/model/render/project.ts'
import { readRegistryAuth } from '../../../engine/registry-credentials.ts'
import { makeFolder } from '../../../io/files.ts'
import { withSession } from '../session.ts'
import { requireProject } from '../target.ts'
import type { convertFlags } from './bridge-table.ts'

export const run: Run<typeof convertFlags> = async (ctx, flags, args) => {
  const project = await requireProject(ctx, args)
  const target = resolve(ctx.cwd, flags.output)
  const text = renderProject(project, 'yaml').replaceAll('$', '$$$$')
  const files = new Map<string, Uint8Array>([['in/compose.yaml', Buffer.from(text)]])
  if (flags.templates !== undefined && flags.templates !== '') {
    for (const [name, content] of await readFolder(resolve(ctx.cwd, flags.templates), 'templates')) {
      files.set(name, content)
    }
  }
  const images = flags.transformation.length === 0 ? [defaultTransformation] : flags.transformation
  return withSession(ctx, async (session) => {
    if (session.isDryRun) return 0
    await makeFolder(target, 0o755)
    const { env, clock, signal } = ctx
    for (const image of images) {
      await transform(session.engine, image, files, target, {
        signal,
        progress: session.progress,
        registryAuth: (reference) => readRegistryAuth(reference, { env, clock, signal }),
        output(stream, printed) {
          session.stopProgress()
          ctx[stream].write(printed)
        },
      })
    }
    return 0
  })
}
