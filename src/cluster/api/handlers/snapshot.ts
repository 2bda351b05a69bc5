import type { Handler } from '../call.ts'
import { renderNode } from '../../snapshot-lines.ts'

/**
 * The cluster as the scheduler sees it, one JSON line per node, for `swarm simulate` and for bug reports. Written node
 * by node, so that a large cluster neither fills the memory nor holds up other requests.
 */
export const snapshot: Handler = async (api, call) => {
  await api.cluster.settled()
  const { exchange } = call
  exchange.startStream(200, ['Content-Type', 'application/x-ndjson', 'Api-Version', api.cluster.apiVersion])
  for (const node of api.cluster.snapshot().nodes) {
    if (!exchange.write(`${JSON.stringify(renderNode(node))}\n`)) await exchange.drain()
    if (exchange.isGone) return
  }
  exchange.end()
}
