import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { renderViz } from '../../compose/view/viz.ts'
import { requireProject } from './target.ts'
import type { vizFlags } from './view-table.ts'

/** Deepest indentation, as in the reference program's flag. */
const maxIndentation = 100

export const run: Run<typeof vizFlags> = async (ctx, flags) => {
  const width = flags['indentation-size']
  if (width < 0 || width > maxIndentation) {
    throw new FlotillaError(
      'cli/invalid-value',
      `invalid --indentation-size ${width}: it is from 0 to ${maxIndentation}`,
    )
  }
  const project = await requireProject(ctx, [])
  const text = renderViz(project, {
    hasNetworks: flags.networks,
    hasPorts: flags.ports,
    hasImages: flags.image,
    indent: (flags.spaces ? ' ' : '\t').repeat(width),
  })
  ctx.stdout.write(`${text}\n`)
}
