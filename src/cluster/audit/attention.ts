import { Router } from '../api/router.ts'

/**
 * What the audit log makes of a route. `none`: nothing is changed by it · `call`: a line, with what is in the body ·
 * `stream`: it may last, or its body is no JSON: a line when it comes and one when it is over · `progress`: a stream
 * whose reply tells of failures under the status 200.
 */
export type Attention = 'none' | 'call' | 'stream' | 'progress'

/**
 * Every route that is not GET, HEAD or OPTIONS, and the one GET that writes: a terminal over a web socket. Whoever reads
 * (logs, archives, exports, lists) changes nothing.
 */
export const attentionTable: Readonly<Record<string, Attention>> = {
  // Asks whether credentials are right.
  'POST /auth': 'none',
  'POST /plugins/*': 'call',
  'DELETE /plugins/*': 'call',

  // What managers tell each other every few seconds, and a question.
  'POST /flotilla/managers': 'none',
  'POST /flotilla/sightings': 'none',
  'POST /flotilla/explain': 'none',
  'POST /flotilla/nodes/*/drain': 'call',
  'POST /flotilla/nodes/*/undrain': 'call',
  'POST /flotilla/nodes/*/cordon': 'call',
  'POST /flotilla/nodes/*/labels': 'call',
  'POST /flotilla/rebalance': 'call',

  'POST /containers/create': 'call',
  'POST /containers/prune': 'call',
  'PUT /containers/*/archive': 'stream',
  // Reads an archive, in the way of API 1.20.
  'POST /containers/*/copy': 'none',
  'GET /containers/*/attach/ws': 'stream',
  'POST /containers/*/attach': 'stream',
  'POST /containers/*/exec': 'call',
  'POST /containers/*/kill': 'call',
  'POST /containers/*/pause': 'call',
  'POST /containers/*/rename': 'call',
  // The size of somebody's terminal.
  'POST /containers/*/resize': 'none',
  'POST /containers/*/restart': 'call',
  'POST /containers/*/start': 'call',
  'POST /containers/*/stop': 'call',
  'POST /containers/*/unpause': 'call',
  'POST /containers/*/update': 'call',
  'POST /containers/*/wait': 'none',
  'POST /containers/*/checkpoints': 'call',
  'DELETE /containers/*': 'call',

  'POST /exec/*/resize': 'none',
  'POST /exec/*/start': 'stream',

  'POST /commit': 'call',

  'POST /images/create': 'progress',
  'POST /images/load': 'progress',
  'POST /images/prune': 'call',
  'POST /images/*/push': 'progress',
  'POST /images/*/tag': 'call',
  'DELETE /images/*': 'call',
  'POST /build': 'progress',
  'POST /build/cancel': 'call',
  'POST /build/prune': 'call',
  'POST /session': 'stream',
  'POST /grpc': 'stream',

  'POST /networks/create': 'call',
  'POST /networks/prune': 'call',
  'POST /networks/*/connect': 'call',
  'POST /networks/*/disconnect': 'call',
  'DELETE /networks/*': 'call',

  'POST /volumes/create': 'call',
  'POST /volumes/prune': 'call',
  'PUT /volumes/*': 'call',
  'DELETE /volumes/*': 'call',

  'POST /configs': 'call',
  'POST /configs/*': 'call',
  'DELETE /configs': 'call',
  'DELETE /configs/*': 'call',
  'POST /nodes': 'call',
  'POST /nodes/*': 'call',
  'DELETE /nodes': 'call',
  'DELETE /nodes/*': 'call',
  'POST /secrets': 'call',
  'POST /secrets/*': 'call',
  'DELETE /secrets': 'call',
  'DELETE /secrets/*': 'call',
  'POST /services': 'call',
  'POST /services/*': 'call',
  'DELETE /services': 'call',
  'DELETE /services/*': 'call',
  'POST /swarm': 'call',
  'POST /swarm/*': 'call',
  'DELETE /swarm': 'call',
  'DELETE /swarm/*': 'call',
  'POST /tasks': 'call',
  'POST /tasks/*': 'call',
  'DELETE /tasks': 'call',
  'DELETE /tasks/*': 'call',
}

/** Says of a request what the log makes of it; one that fits no route is answered with 404 and changes nothing. */
export function makeAttention(): (method: string, path: string) => Attention {
  const router = new Router<Attention>(
    Object.entries(attentionTable).map(([line, handler]) => {
      const cut = line.indexOf(' ')
      return { method: line.slice(0, cut), pattern: line.slice(cut + 1), handler }
    }),
  )
  return (method, path) => router.find(method, path)?.handler ?? 'none'
}
