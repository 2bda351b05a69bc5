import { isFlotillaError, toMessage } from '../../core/errors.ts'
import { failpoint } from '../../io/failpoint.ts'
import { accessOf } from '../access/routes.ts'
import type { RouteAccess } from '../access/routes.ts'
import type { Meters, RouteMeter } from '../metrics/meters.ts'
import type { AccessGate } from './access-gate.ts'
import { checkVersion } from './bridge/negotiate.ts'
import type { Api, Call, Handler } from './call.ts'
import type { PrimaryForwarder } from './forward-primary.ts'
import type { Exchange } from './http1/exchange.ts'
import type { RequestHead } from './http1/head.ts'
import { isLocal } from './primary-routes.ts'
import { Router } from './router.ts'
import { listRoutes } from './routes.ts'
import { parseTarget } from './target.ts'
import type { Target } from './target.ts'

interface MeteredRoute {
  /** `METHOD pattern`. */
  readonly line: string
  readonly run: Handler
  readonly meter: RouteMeter
  readonly access: RouteAccess
}

export interface Dispatcher {
  handle(exchange: Exchange): void | Promise<void>
}

/**
 * Finds the handler of a request and runs it; a replica passes what only the primary may answer on instead.
 *
 * The endpoint's parts are asked for with each request, since they are made after the server that calls this.
 *
 * @param meetingOf set while a manager that is alone meets its engines: until then it would deny what is there
 *
 * @param gate absent: everybody may do everything, and nobody looks who it is
 */
export function makeDispatcher(
  apiOf: () => Api,
  forwarderOf: () => PrimaryForwarder | undefined,
  meetingOf: () => Promise<void> | undefined,
  meters: Meters,
  gate?: AccessGate,
): Dispatcher {
  const router = new Router<MeteredRoute>(
    listRoutes().map(({ method, pattern, handler }) => {
      const line = `${method} ${pattern}`
      const route = { line, run: handler, meter: meters.make(method, pattern), access: accessOf(method, pattern) }
      return { method, pattern, handler: route }
    }),
  )
  function serve(api: Api, exchange: Exchange, target: Target): void | Promise<void> {
    const match = router.find(exchange.head.method, target.path)
    exchange.measureWith(match?.handler.meter ?? meters.unknown)
    if (match === undefined) {
      exchange.replyError(404, 'page not found')
      return undefined
    }
    const call: Call = { exchange, version: target.version, path: target.path, query: target.query, name: match.name }
    const { handler } = match
    const { access } = handler
    const held = failpoint('request.beforeHandler')
    if (gate !== undefined) {
      const admit = (): void | Promise<void> => gate.admit(api, call, access, (admitted) => run(api, admitted, handler))
      return held === undefined ? admit() : held.then(admit)
    }
    return held === undefined ? handler.run(api, call) : held.then(() => handler.run(api, call))
  }
  const handle = (exchange: Exchange): void | Promise<void> => {
    const api = apiOf()
    const { head } = exchange
    if (api.settings.isCorsEnabled) {
      exchange.addHeaders(corsHeaders)
      if (head.method === 'OPTIONS') {
        exchange.reply(200, [])
        return undefined
      }
    }
    let target: Target
    try {
      target = targetOf(head)
      checkVersion(target.version, api.cluster.apiVersion)
    } catch (error) {
      exchange.replyError(isFlotillaError(error) ? (error.status ?? 400) : 400, toMessage(error))
      return undefined
    }
    if (gate?.identify(exchange) === false) return undefined
    return api.audit === undefined
      ? lead(api, exchange, target)
      : api.audit.follow(exchange, target, () => lead(api, exchange, target))
  }
  /** Here, or to the manager that leads. */
  function lead(api: Api, exchange: Exchange, target: Target): void | Promise<void> {
    const forwarder = forwarderOf()
    if (forwarder !== undefined) return forwarder.route(exchange, target, () => serve(api, exchange, target))
    const meeting = meetingOf()
    if (meeting === undefined || isLocal(target.path)) return serve(api, exchange, target)
    return meeting.then(() => (exchange.isGone ? undefined : serve(api, exchange, target)))
  }
  return { handle }
}

/** Runs the handler; calls of tenants go another way to it. */
function run(api: Api, call: Call, { line, run: handler }: MeteredRoute): void | Promise<void> {
  const { tenants } = api
  if (tenants === undefined) return handler(api, call)
  const { caller } = call.exchange
  if (caller?.role === 'tenant' || caller?.tenant !== undefined) return tenants.serve(api, call, line, handler)
  return line === createLine ? tenants.disown(call).then(() => handler(api, call)) : handler(api, call)
}

const createLine = 'POST /containers/create'

/** What a head asks for; connections keep the head of a request that comes again. */
const targets = new WeakMap<RequestHead, Target>()

function targetOf(head: RequestHead): Target {
  const known = targets.get(head)
  if (known !== undefined) return known
  const target = parseTarget(head.target)
  targets.set(head, target)
  return target
}

const corsHeaders = [
  'Access-Control-Allow-Origin',
  '*',
  'Access-Control-Allow-Headers',
  'Origin, X-Requested-With, Content-Type, Accept',
  'Access-Control-Allow-Methods',
  'GET, POST, DELETE, PUT, OPTIONS, HEAD',
] as const
