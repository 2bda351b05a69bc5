import { resolve } from 'node:path'
import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { mapLimit } from '../../core/limit.ts'
import { renderTree } from '../../compose/model/render/project.ts'
import { generateFile } from '../../compose/view/generate.ts'
import { inspectContainer, listContainers } from '../../engine/api/containers.ts'
import { inspectImage } from '../../engine/api/images.ts'
import type { ContainerSummary } from '../../engine/api/types.ts'
import type { generateFlags } from './view-table.ts'
import { withSession } from './session.ts'

/** Takes containers by name or by the beginning of their ID; without any, all that run. */
export const run: Run<typeof generateFlags> = async (ctx, flags, args) => {
  const { format } = flags
  if (format !== 'yaml' && format !== 'json') {
    throw new FlotillaError('cli/invalid-value', `unsupported format ${JSON.stringify(format)}`)
  }
  ctx.stderr.write('generate command is EXPERIMENTAL\n')
  await withSession(ctx, async ({ engine, parallel }) => {
    const call = { signal: ctx.signal }
    const all = await listContainers(engine, { all: args.length > 0 }, call)
    const isMeant = (listed: ContainerSummary, word: string): boolean =>
      listed.Names.includes(`/${word}`) || listed.Id.startsWith(word)
    const missing = args.find((word) => !all.some((listed) => isMeant(listed, word)))
    if (missing !== undefined) throw new FlotillaError('compose/not-found', `no such container: ${missing}`)
    const chosen = args.length === 0 ? all : all.filter((listed) => args.some((word) => isMeant(listed, word)))
    const containers = await mapLimit(chosen, parallel, (listed) => inspectContainer(engine, listed.Id, {}, call))
    const images = new Map(
      await mapLimit([...new Set(containers.map((container) => container.Image))], parallel, async (id) => {
        const image = await inspectImage(engine, id, call).catch(() => undefined)
        return [id, image] as const
      }),
    )
    const file = generateFile(containers, {
      imageOf: (id) => images.get(id)?.Config ?? undefined,
      ...(flags.name !== undefined && { name: flags.name }),
      ...(flags['project-dir'] !== undefined && { folder: resolve(ctx.cwd, flags['project-dir']) }),
    })
    ctx.stdout.write(`${renderTree(file, format).replaceAll('$', '$$$$')}\n`)
  })
}
