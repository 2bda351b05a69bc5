import type { Buffer } from 'node:buffer'
import { waitAtMost } from '../../../core/deadline.ts'
import { FlotillaError } from '../../../core/errors.ts'
import type { EngineReply } from '../../../engine/engine.ts'
import { isSpanningNetwork, whileAttaching } from '../attach-retry.ts'
import { bridgeBytes, bridgeContainer } from '../bridge/replies.ts'
import { isSame } from '../bridge/versions.ts'
import { emptyBody, findOwned, forward, isTrue, noteNodes, paramsOf, versionsOf } from '../call.ts'
import type { Api, Call, Handler, OwnedContainer, Passing } from '../call.ts'
import type { CallLimits } from '../../limits.ts'
import { isUnreplaced, removeSuccessors } from '../../reschedule/remove-successors.ts'
import { spliceInspect } from '../inspect.ts'
import { isFields, readField, readFields } from '../../wire.ts'
import type { ForwardOptions } from '../forward-options.ts'
import { rememberExec } from './exec.ts'

function pathOf(owned: OwnedContainer, action: string): string {
  return `/containers/${owned.container.id}${action}`
}

/** Reads and streams: passed through, nothing changes. */
function pass(action: string, more: Partial<ForwardOptions> & Pick<Passing, 'within'> = {}): Handler {
  return (api, call) => {
    const owned = findOwned(api, call.name)
    forward(api, call, owned.member, { enginePath: pathOf(owned, action), ...more })
  }
}

/** Changes of one container: what the engine acknowledges shows in the very next list. */
function change(
  action: string,
  secondsOf: (limits: CallLimits) => number | undefined,
  more: Pick<ForwardOptions, 'body' | 'isPatient'> = {},
): Handler {
  return (api, call) => {
    const owned = findOwned(api, call.name)
    const headSeconds = secondsOf(api.limits)
    forward(api, call, owned.member, {
      enginePath: pathOf(owned, action),
      ...more,
      headSeconds,
      onReply: (status) => {
        if (status >= 400) return
        const { id } = owned.container
        // Should the engine fall silent now, it is known all the same that the container ran.
        if (action === '/start') owned.member.send({ kind: 'assumed', id, change: { state: 'running' } })
        void api.cluster.changed(owned.member, { what: 'container', id, isInspected: true })
      },
    })
  }
}

/** A start is answered after this, whether it is known or not which ports the container has got. */
const portsMs = 2000
/** Seconds that an engine gives a container which says nothing of it. */
const defaultGrace = 10
/** An engine that does not describe a container in time is not waited for longer than for others. */
const graceMs = 5000

/** Stopping and restarting: how long that may take is for the client to say, else for the container. */
function end(action: '/restart' | '/stop'): Handler {
  const withGrace = (grace: number): Handler =>
    // Negative: the engine waits as long as it takes.
    change(action, ({ createSeconds }) => (grace >= 0 ? grace + createSeconds : undefined), { isPatient: true })
  return async (api, call) => {
    const given = paramsOf(call).get('t')
    const grace = given === null || given === '' ? await readGrace(api, call) : Number(given)
    return withGrace(Number.isFinite(grace) ? grace : -1)(api, call)
  }
}

async function readGrace(api: Api, call: Call): Promise<number> {
  const owned = findOwned(api, call.name)
  try {
    const request = { method: 'GET', path: pathOf(owned, '/json') } as const
    const limits = { deadlineMs: graceMs, signal: call.exchange.signal }
    const container = await (await owned.member.engine.request(request, limits)).json<unknown>()
    const value = isFields(container) ? readField(readFields(container, 'Config'), 'StopTimeout') : undefined
    return typeof value === 'number' ? value : defaultGrace
  } catch {
    return defaultGrace
  }
}

export const inspect: Handler = (api, call) => {
  const owned = findOwned(api, call.name)
  const pair = versionsOf(call, owned.member)
  forward(api, call, owned.member, {
    enginePath: pathOf(owned, '/json'),
    within: 'callSeconds',
    transform: (body) => {
      const told = isSame(pair) ? body : bridgeBytes(body, (container) => bridgeContainer(container, pair))
      return spliceInspect(told, owned.member.view)
    },
  })
}

// classicswarm api/handlers.go: a body is not passed on; engines reject one from API 1.24 on.
const plainStart: Handler = change('/start', ({ createSeconds }) => createSeconds, { body: emptyBody })

export const start: Handler = (api, call) => {
  const owned = findOwned(api, call.name)
  const { networkMode, endpoints } = owned.container
  const names = [networkMode, ...endpoints.map((each) => each.networkId || each.network)]
  const isSpanning = names.some((name) => isSpanningNetwork(api, name))
  return isSpanning || api.ports !== undefined ? startAndSettle(api, call, owned, isSpanning) : plainStart(api, call)
}

/** Starts it where the network may still be on its way there; answered when its ports are open here too, where they are forwarded. */
async function startAndSettle(api: Api, call: Call, owned: OwnedContainer, isSpanning: boolean): Promise<void> {
  const { member, container } = owned
  const { signal } = call.exchange
  const query = call.query === '' ? '' : `?${call.query}`
  const version = member.versionFor(call.version ?? api.cluster.apiVersion)
  const path = `${version}${pathOf(owned, '/start')}${query}`
  noteNodes(api, call, [member])
  api.ports?.makeWay(member.view, container)
  const ask = (): Promise<EngineReply> =>
    member.engine.request(
      { method: 'POST', path, unversioned: true },
      { deadlineMs: api.limits.createSeconds * 1000, signal },
    )
  const reply = await (isSpanning ? whileAttaching(api, signal, ask) : ask())
  await reply.bytes()
  member.send({ kind: 'assumed', id: container.id, change: { state: 'running' } })
  const read = api.cluster.changed(member, { what: 'container', id: container.id, isInspected: true })
  if (api.ports !== undefined) {
    await waitAtMost(api.cluster.clock, read, portsMs)
    await api.ports.settle(member.view)
  }
  call.exchange.reply(reply.status, ['Api-Version', api.cluster.apiVersion])
}

const ofPlainCall = ({ callSeconds }: CallLimits): number => callSeconds

export const stop: Handler = end('/stop')
export const restart: Handler = end('/restart')
export const kill: Handler = change('/kill', ofPlainCall)
export const pause: Handler = change('/pause', ofPlainCall)
export const unpause: Handler = change('/unpause', ofPlainCall)
export const update: Handler = change('/update', ofPlainCall)

export const logs: Handler = pass('/logs')
/** One reading takes an engine two seconds. */
export const stats: Handler = pass('/stats', { isPatient: true })
export const top: Handler = pass('/top', { within: 'callSeconds' })
export const changes: Handler = pass('/changes', { within: 'createSeconds' })
export const exportContainer: Handler = pass('/export')
export const archive: Handler = pass('/archive')
export const copy: Handler = pass('/copy')
export const resize: Handler = pass('/resize', { within: 'callSeconds' })
const plainAttach: Handler = pass('/attach', { isHijack: true })

/**
 * Some clients (dockerode) send their options as a body too. Engines drop what has come with the head when they leave
 * HTTP; behind a proxy it comes a moment later, and the container would get it as input.
 */
export const attach: Handler = (api, call) => {
  const { exchange } = call
  if (exchange.head.bodyLength <= 0) return plainAttach(api, call)
  const owned = findOwned(api, call.name)
  return exchange
    .readBody()
    .then(() =>
      forward(api, call, owned.member, { enginePath: pathOf(owned, '/attach'), isHijack: true, body: emptyBody }),
    )
}

export const attachWs: Handler = pass('/attach/ws', { isHijack: true })
export const wait: Handler = pass('/wait', { isPatient: true })
export const checkpoints: Handler = pass('/checkpoints')

const checkpoint = /^(.+)\/checkpoints\/([^/]+)$/

/** Removing: gone from the lists as soon as the engine says so. */
export const remove: Handler = async (api, call) => {
  const match = checkpoint.exec(call.name)
  if (match !== null) {
    const [, reference = '', name = ''] = match
    const { member, container } = findOwned(api, reference)
    return forward(api, call, member, { enginePath: `/containers/${container.id}/checkpoints/${name}` })
  }
  const isLink = isTrue(paramsOf(call).get('link'))
  if (!isLink && (await forgetDeparted(api, call.name, isTrue(paramsOf(call).get('force'))))) {
    return call.exchange.reply(204, ['Api-Version', api.cluster.apiVersion])
  }
  const owned = findOwned(api, call.name, `Container ${call.name} not found`)
  const { id } = owned.container
  const isUnmoved = isUnreplaced(api, owned.container)
  forward(api, call, owned.member, {
    enginePath: pathOf(owned, ''),
    within: 'createSeconds',
    onReply: (status) => {
      // Links only take a name away.
      if (status >= 300 || isLink) return
      owned.member.send({ kind: 'forgotten', id })
      api.rescheduler.noteRemoved(owned.container, owned.member.view.engineId)
      if (isUnmoved) void removeSuccessors(api, owned.container)
    },
  })
}

/**
 * Its engine left discovery: there is nobody to ask, and the list is all that it can be taken from; by force only where it
 * may be running on.
 */
async function forgetDeparted(api: Api, reference: string, isForced: boolean): Promise<boolean> {
  const { cluster, rescheduler } = api
  if (cluster.directory.findContainer(reference).kind !== 'missing') return false
  const found = cluster.departed.find(reference)
  if (found.kind !== 'found' || (!isForced && found.item.state === 'dead')) return false
  const why = await rescheduler.forgetAway(found.item)
  if (why !== undefined) {
    const message = `Container ${reference} cannot be removed now: ${why}, try again`
    throw new FlotillaError('cluster/conflict', message, { status: 409 })
  }
  cluster.log.info(`Container ${reference} of node ${found.node.name}, which left discovery, is forgotten`)
  cluster.departed.forget(found.item.id)
  return true
}

export const createExec: Handler = async (api, call) => {
  const owned = findOwned(api, call.name)
  const body = await call.exchange.readBody()
  forward(api, call, owned.member, {
    enginePath: pathOf(owned, '/exec'),
    body,
    within: 'callSeconds',
    transform: (reply) => {
      rememberExec(api.execs, readId(reply), owned.member.addr)
      return [reply]
    },
  })
}

function readId(reply: Buffer): string {
  try {
    const value: unknown = JSON.parse(reply.toString('utf8'))
    const id: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'Id') : undefined
    return typeof id === 'string' ? id : ''
  } catch {
    return ''
  }
}
