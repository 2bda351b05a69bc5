import type { Run } from '../../cli/command.ts'
import { isFlotillaError } from '../../core/errors.ts'
import { mapLimit } from '../../core/limit.ts'
import { observeContainers } from '../../compose/observe.ts'
import { imageHeadings, plainId, toImageCells, toImageRow } from '../../compose/view/image-row.ts'
import type { ImageFacts } from '../../compose/view/image-row.ts'
import { inspectImage } from '../../engine/api/images.ts'
import type { ImageInspect } from '../../engine/api/types-resource.ts'
import { renderTable } from '../../ui/table.ts'
import type { imagesFlags } from './view-table.ts'
import { readListFormat } from './list-format.ts'
import { withSession } from './session.ts'
import { requireTarget } from './target.ts'

export const run: Run<typeof imagesFlags> = async (ctx, flags, args) => {
  // With IDs alone no format is asked for, nor looked at.
  const format = flags.quiet ? 'table' : readListFormat(flags.format)
  const { name } = await requireTarget(ctx, [])
  await withSession(ctx, async ({ engine, parallel }) => {
    const call = { signal: ctx.signal }
    const containers = (await observeContainers(engine, name, call))
      .filter((container) => args.length === 0 || args.includes(container.service))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
    const ids = [...new Set(containers.map((container) => container.imageId))]
    if (flags.quiet) {
      for (const id of ids) ctx.stdout.write(`${plainId(id)}\n`)
      return
    }
    const found = new Map<string, ImageFacts>()
    await mapLimit(ids, parallel, async (id) => {
      // An image may have gone with force while its container stays.
      const image = await inspectImage(engine, id, call).catch((error: unknown) => {
        if (isFlotillaError(error) && error.status === 404) return undefined
        throw error
      })
      found.set(id, image === undefined ? missingImage(id) : toFacts(image))
    })
    const rows = containers.map((container) =>
      toImageRow(container.name, container.image, found.get(container.imageId) ?? missingImage(container.imageId)),
    )
    if (format === 'json') {
      // As the reference program writes it: nothing is `null`, and a line stays free.
      ctx.stdout.write(`${rows.length === 0 ? 'null' : JSON.stringify(rows)}\n\n`)
      return
    }
    const cells = rows.map((row) => toImageCells(row, ctx.clock.nowMs()))
    ctx.stdout.write(`${renderTable(imageHeadings, cells, { minWidth: 20 })}\n`)
  })
}

function toFacts(image: ImageInspect): ImageFacts {
  return {
    id: image.Id,
    os: image.Os,
    architecture: image.Architecture,
    variant: image.Variant,
    size: image.Size,
    lastTagTime: image.Metadata?.LastTagTime,
    created: image.Created,
  }
}

function missingImage(id: string): ImageFacts {
  return { id, os: '', architecture: '', size: 0 }
}
