import type { Run } from '../../../cli/command.ts'
import { transformationLabel } from '../../../compose/bridge/transform.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { listImages } from '../../../engine/api/images.ts'
import type { ImageSummary } from '../../../engine/api/types-resource.ts'
import { renderTable } from '../../../ui/table.ts'
import { withSession } from '../session.ts'
import type { listTransformationFlags } from './bridge-table.ts'

export const run: Run<typeof listTransformationFlags> = async (ctx, flags) => {
  if (!['table', 'json', ''].includes(flags.format)) {
    throw new FlotillaError('cli/invalid-value', `format value "${flags.format}" could not be parsed`)
  }
  const images = await withSession(ctx, (session) =>
    listImages(
      session.engine,
      { filters: { label: [`${transformationLabel}=transformation`] } },
      { signal: ctx.signal },
    ),
  )
  ctx.stdout.write(render(images, flags))
}

function render(images: readonly ImageSummary[], flags: { readonly quiet: boolean; readonly format: string }): string {
  if (flags.quiet) return images.map((image) => `${image.RepoTags?.[0] ?? image.Id}\n`).join('')
  if (flags.format === 'json') return `${JSON.stringify(images)}\n`
  const rows = images.flatMap((image) =>
    (image.RepoTags ?? ['<none>:<none>']).map((name) => {
      const colon = name.lastIndexOf(':')
      return [image.Id.replace('sha256:', '').slice(0, 12), name.slice(0, colon), name.slice(colon + 1)]
    }),
  )
  return `${renderTable(['IMAGE ID', 'REPO', 'TAGS'], rows)}\n`
}
