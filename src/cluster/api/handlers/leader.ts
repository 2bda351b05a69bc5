import type { Handler } from '../call.ts'

/** Who leads, as this manager sees it. The term is that of this manager's own leadership, 0 on a replica. */
export const leader: Handler = (api, call) => {
  const { kind, primary, term } = api.role
  call.exchange.replyJson(200, { role: kind === 'sole' ? 'primary' : kind, primary: primary ?? '', term })
}
