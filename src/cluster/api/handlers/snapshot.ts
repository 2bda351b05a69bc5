import { toAscii } from '../../ascii.ts'
import { renderNode } from '../../snapshot-lines.ts'
import type { Handler } from '../call.ts'
import { ListWriter } from '../list-writer.ts'

/**
 * The cluster as the scheduler sees it, one JSON line per node, for `swarm simulate` and for bug reports. Written node
 * by node, so that a large cluster neither fills the memory nor holds up other requests.
 */
export const snapshot: Handler = async (api, call) => {
  await api.cluster.settled()
  const { exchange } = call
  exchange.startStream(200, ['Content-Type', 'application/x-ndjson', 'Api-Version', api.cluster.apiVersion])
  const writer = new ListWriter(exchange)
  for (const node of api.cluster.snapshot().nodes) {
    if (!writer.isReady) await writer.drain()
    if (exchange.isGone) return
    writer.write(`${toAscii(JSON.stringify(renderNode(node)))}\n`)
  }
  writer.end()
}
