import type { Run } from '../../cli/command.ts'
import { parseLogTime } from '../../compose/logs/time.ts'
import { LABEL } from '../../compose/plan/label.ts'
import { renderEventJson, renderEventText, toContainerEvent } from '../../compose/view/event-line.ts'
import { renderEndpoint } from '../../engine/endpoint-parse.ts'
import { followEvents } from './follow-events.ts'
import type { eventsFlags } from './view-table.ts'
import { withSession } from './session.ts'
import { requireTarget } from './target.ts'

/** Ends with `--until`, else with Ctrl-C. A service the project does not have has no events. */
export const run: Run<typeof eventsFlags> = async (ctx, flags, args) => {
  const nowMs = ctx.clock.nowMs()
  const { name } = await requireTarget(ctx, [])
  await withSession(ctx, async ({ engine, endpoint }) => {
    const events = followEvents(engine, {
      filters: { type: ['container'], label: [`${LABEL.project}=${name}`] },
      since: flags.since === undefined ? undefined : parseLogTime(flags.since, nowMs),
      until: flags.until === undefined ? undefined : parseLogTime(flags.until, nowMs),
      clock: ctx.clock,
      signal: ctx.signal,
      onAgain: () => {
        ctx.stderr.write(`the event stream ended; following again at ${renderEndpoint(endpoint)}\n`)
      },
    })
    for await (const { event, timeNs } of events) {
      const { Action: action, Actor: actor } = event
      const raw = { action, id: actor.ID, attributes: actor.Attributes ?? {}, timeNs }
      const shown = toContainerEvent(raw, args)
      if (shown === undefined) continue
      // The reference program leaves a line free behind each event of the text form.
      ctx.stdout.write(flags.json ? `${renderEventJson(shown)}\n` : `${renderEventText(shown)}\n\n`)
    }
  })
}
