import type { Handler } from '../call.ts'

/** The creates that wait for a node that can take them, oldest first. */
export const waiting: Handler = (api, call) => {
  call.exchange.replyJson(
    200,
    api.waiting.list(api.cluster.clock.nowMs()).map((each) => ({
      Id: each.id,
      Name: each.name,
      Image: each.image,
      NanoCpus: each.nanoCpus,
      MemoryBytes: each.memoryBytes,
      Since: new Date(each.sinceMs).toISOString(),
      Until: new Date(each.untilMs).toISOString(),
      Refusal: each.refusal,
    })),
  )
}
