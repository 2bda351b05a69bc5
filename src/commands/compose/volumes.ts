import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { observeContainers } from '../../compose/observe.ts'
import { LABEL } from '../../compose/plan/label.ts'
import { toVolumeRow, volumeHeadings, volumeRaw, volumeTable } from '../../compose/view/volume-row.ts'
import { listVolumes } from '../../engine/api/volumes.ts'
import { renderGoJson } from './go-json.ts'
import { renderDockerRows } from './row-format.ts'
import type { volumesFlags } from './view-table.ts'
import type { Project } from '../../compose/model/project.ts'
import { withSession } from './session.ts'
import { requireTarget } from './target.ts'

export const run: Run<typeof volumesFlags> = async (ctx, flags, args) => {
  const { name, project } = await requireTarget(ctx, [])
  const unknown = project === undefined ? undefined : args.find((service) => !isKnown(project, service))
  if (unknown !== undefined) throw new FlotillaError('compose/not-found', `no such service: ${unknown}`)
  await withSession(ctx, async ({ engine }) => {
    const call = { signal: ctx.signal }
    const [{ Volumes: listed }, containers] = await Promise.all([
      listVolumes(engine, { filters: { label: [`${LABEL.project}=${name}`] } }, call),
      args.length === 0 ? [] : observeContainers(engine, name, call),
    ])
    const used = new Set(
      containers
        .filter((container) => args.includes(container.service))
        .flatMap((container) => container.mounts.map((mount) => mount.name)),
    )
    const shown = (listed ?? [])
      .map((volume) => ({
        name: volume.Name.split('/').at(-1) ?? volume.Name,
        driver: volume.Driver,
        labels: volume.Labels ?? {},
        mountpoint: volume.Mountpoint,
        scope: volume.Scope,
      }))
      .filter((volume) => args.length === 0 || used.has(volume.name))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
    if (flags.quiet) {
      for (const volume of shown) ctx.stdout.write(`${volume.name}\n`)
      return
    }
    const rows = shown.map(toVolumeRow)
    if (flags.format === 'json') {
      for (const row of rows) ctx.stdout.write(`${renderGoJson(row)}\n`)
      return
    }
    const { format: wanted } = flags
    const format = wanted === 'table' || wanted === '' ? volumeTable : wanted === 'raw' ? volumeRaw : wanted
    const views = rows.map((row, index) => ({ ...row, Label: (key: string) => shown[index]?.labels[key] ?? '' }))
    ctx.stdout.write(renderDockerRows(format, volumeHeadings, views, '*formatter.volumeContext'))
  })
}

/** One whose profiles are off may have had containers, too. */
function isKnown(project: Project, service: string): boolean {
  return project.services[service] !== undefined || project.disabledServices[service] !== undefined
}
