import type { ProfileKind } from '../../../io/profile.ts'
import { paramsOf } from '../call.ts'
import type { Handler } from '../call.ts'

const defaultSeconds = 10
const mostSeconds = 60

const index = `Profiles of this manager, in the formats of the developer tools of browsers:

GET /debug/pprof/profile?seconds=${defaultSeconds}   where processor time goes (save as x.cpuprofile)
GET /debug/pprof/heap?seconds=${defaultSeconds}      who allocates the memory that stays (save as x.heapprofile)

At most ${mostSeconds} seconds, one at a time. GET /flotilla/metrics has numbers.
`

/** The list of what `--debug` offers; without the flag there is no such page. */
export const debugIndex: Handler = (api, call) => {
  if (!api.settings.isDebug) call.exchange.replyError(404, 'page not found')
  else call.exchange.reply(200, ['Content-Type', 'text/plain; charset=utf-8'], index)
}

/** Records a profile for as long as the query says and sends it. */
export function debugProfile(kind: ProfileKind): Handler {
  return async (api, call) => {
    if (!api.settings.isDebug) {
      call.exchange.replyError(404, 'page not found')
      return
    }
    const seconds = Number(paramsOf(call).get('seconds') ?? defaultSeconds)
    if (!(seconds > 0 && seconds <= mostSeconds)) {
      call.exchange.replyError(400, `seconds is not a number above 0 and up to ${mostSeconds}`)
      return
    }
    const { recordProfile } = await import('../../../io/profile.ts')
    const { exchange } = call
    const text = await recordProfile(kind, seconds * 1000, api.cluster.clock, exchange.signal)
    const file = `attachment; filename="flotilla.${kind}profile"`
    exchange.reply(200, ['Content-Type', 'application/json', 'Content-Disposition', file], text)
  }
}
