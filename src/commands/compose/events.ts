import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { parseLogTime } from '../../compose/logs/time.ts'
import { LABEL } from '../../compose/plan/label.ts'
import { renderEventJson, renderEventText, toContainerEvent } from '../../compose/view/event-line.ts'
import { watchTimedEvents } from '../../engine/api/events.ts'
import type { eventsFlags } from './view-table.ts'
import { withSession } from './session.ts'
import { requireTarget } from './target.ts'

/** Ends with `--until`, else with Ctrl-C. A service the project does not have has no events. */
export const run: Run<typeof eventsFlags> = async (ctx, flags, args) => {
  const nowMs = ctx.clock.nowMs()
  const { name } = await requireTarget(ctx, [])
  await withSession(ctx, async ({ engine }) => {
    const events = await watchTimedEvents(
      engine,
      {
        filters: { type: ['container'], label: [`${LABEL.project}=${name}`] },
        ...(flags.since !== undefined && { since: parseLogTime(flags.since, nowMs) }),
        ...(flags.until !== undefined && { until: parseLogTime(flags.until, nowMs) }),
      },
      { signal: ctx.signal },
    )
    for await (const { event, timeNs } of events) {
      const { Action: action, Actor: actor } = event
      const raw = { action, id: actor.ID, attributes: actor.Attributes ?? {}, timeNs }
      const shown = toContainerEvent(raw, args)
      if (shown === undefined) continue
      // The reference program leaves a line free behind each event of the text form.
      ctx.stdout.write(flags.json ? `${renderEventJson(shown)}\n` : `${renderEventText(shown)}\n\n`)
    }
    if (flags.until === undefined && !ctx.signal.aborted) {
      throw new FlotillaError('engine/unreachable', 'the event stream ended', { hint: 'the engine was stopped' })
    }
  })
}
