import type { Run } from '../../cli/command.ts'
import { mapLimit } from '../../core/limit.ts'
import { observeContainers } from '../../compose/observe.ts'
import { isAlive } from '../../compose/plan/observed.ts'
import { mergeTop } from '../../compose/view/top.ts'
import { topContainer } from '../../engine/api/containers.ts'
import { renderTable } from '../../ui/table.ts'
import { inOrder } from './one-container.ts'
import type { topFlags } from './process-table.ts'
import { withSession } from './session.ts'
import { requireTarget } from './target.ts'

/** A service without containers, or of another project, has no rows; it is no mistake for the reference program either. */
export const run: Run<typeof topFlags> = async (ctx, _flags, args) => {
  const { name } = await requireTarget(ctx, [])
  await withSession(ctx, async ({ engine, parallel }) => {
    const call = { signal: ctx.signal }
    const all = await observeContainers(engine, name, call)
    const running = all.filter(
      (container) => isAlive(container) && (args.length === 0 || args.includes(container.service)),
    )
    const lists = await mapLimit(inServices(running), parallel, async (container) => {
      const { Titles: titles, Processes: processes } = await topContainer(engine, container.id, {}, call)
      return { container, titles, processes: processes ?? [] }
    })
    if (lists.length === 0) return
    const { headings, rows } = mergeTop(lists)
    ctx.stdout.write(`${renderTable(headings, rows, { minWidth: 4, gap: 2 })}\n`)
  })
}

function inServices(containers: Parameters<typeof inOrder>[0]): Parameters<typeof inOrder>[0] {
  const services = [...new Set(containers.map((container) => container.service))].sort()
  return services.flatMap((service) => inOrder(containers.filter((container) => container.service === service)))
}
