import { renderPlainJson } from '../../../core/exact-json.ts'
import type { JsonValue } from '../../../core/exact-json.ts'
import { waitAtMost } from '../../../core/deadline.ts'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import type { Member } from '../../member.ts'
import type { NetworkView } from '../../model.ts'
import { isFields, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { whileAttaching } from '../attach-retry.ts'
import { attachmentNames, foldNames, networkNames } from '../body-names.ts'
import { bridgeNetwork } from '../bridge/create-network.ts'
import { checkHealthy, findOwned, forward, noteNodes, readJsonBody, versionsOf } from '../call.ts'
import type { Api, Call, Handler } from '../call.ts'
import { leadershipOver } from '../fence.ts'
import type { FencedCall } from '../fence.ts'
import { splitNodeName } from '../merge.ts'
import { builtinNetworks, isLocal } from '../names.ts'
import { chooseNetworkNode } from './network-node.ts'
import {
  deleteSpanning,
  disconnectDead,
  explainNoLeader,
  toOverlayBody,
  warnOfEncryption,
} from './spanning-networks.ts'

/** An engine that is slow to describe itself must not keep a network from being made. */
const specsMs = 2000
const lettingGoMs = 10_000
const lettingGoPauseMs = 200

interface OwnedNetwork {
  readonly member: Member
  readonly network: NetworkView
}

/** @throws {cluster/not-found} also when the plain name stands for several networks, as `bridge` does on several nodes */
async function findNetwork(api: Api, reference: string): Promise<OwnedNetwork> {
  await api.cluster.settled()
  const found = api.cluster.directory.findNetwork(reference)
  if (found.kind === 'ambiguous') {
    const nodes = found.matches.map((match) => match.node.name).join(', ')
    throw new FlotillaError(
      'cluster/ambiguous',
      `network ${reference} not found: the name is in use on several nodes (${nodes}); give the node too, as NODE/NAME`,
      { status: 404 },
    )
  }
  if (found.kind === 'missing') {
    throw new FlotillaError('cluster/not-found', `network ${reference} not found`, { status: 404 })
  }
  const holders = [found.node, ...api.cluster.directory.networkHolders(found.item.id).map((each) => each.node)]
  const healthy = holders.filter((each) => each.health.state === 'healthy')
  // A worker has a network of the swarm while a container of its own is on it, and may not remove it.
  const node = healthy.find((each) => each.swarmRole === 'manager') ?? healthy[0]
  if (node === undefined) {
    throw new FlotillaError('cluster/unhealthy', `Network ${reference} is on unhealthy node ${found.node.name}`, {
      status: 500,
    })
  }
  return { member: api.cluster.memberOf(node), network: found.item }
}

export const inspect: Handler = async (api, call) => {
  const { member, network } = await findNetwork(api, call.name)
  forward(api, call, member, { enginePath: `/networks/${network.id}`, within: 'callSeconds' })
}

function refusePredefined(message: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', message, { status: 403 })
}

export const remove: Handler = async (api, call) => {
  // Every node has one of these, and keeps it: which one is meant does not matter.
  if (builtinNetworks.has(call.name)) {
    throw refusePredefined(`${call.name} is a pre-defined network and cannot be removed`)
  }
  const { member, network } = await findNetwork(api, call.name)
  noteNodes(api, call, [member])
  if (!isLocal(network)) return removeSpanning(api, call, member, network)
  forward(api, call, member, {
    enginePath: `/networks/${network.id}`,
    within: 'callSeconds',
    onReply: (status) => {
      if (status < 300) void api.cluster.changed(member, { what: 'network', id: network.id })
    },
  })
}

/**
 * Engines of a swarm take their own part of a network down some time after the manager has forgotten it. The answer
 * waits for that, so that one of the same name can be made at once.
 */
async function removeSpanning(api: Api, call: Call, member: Member, network: NetworkView): Promise<void> {
  const { clock, directory, apiVersion } = api.cluster
  await deleteSpanning(api, call, member, network)
  const untilMs = clock.monotonicMs() + lettingGoMs
  for (;;) {
    const holders = directory.networkHolders(network.id).filter(({ node }) => node.health.state === 'healthy')
    const reads = holders.map(({ node }) => api.cluster.memberOf(node).touch({ what: 'network', id: network.id }))
    await waitAtMost(clock, Promise.all(reads), specsMs)
    if (holders.length === 0 || clock.monotonicMs() >= untilMs) break
    if (directory.networkHolders(network.id).length > 0) await clock.sleep(lettingGoPauseMs, call.exchange.signal)
  }
  call.exchange.reply(204, ['Api-Version', apiVersion])
}

/** Connects or disconnects on the container's engine: the network has to be known there, or come with the container. */
function attachment(action: 'connect' | 'disconnect'): Handler {
  return async (api, call) => {
    const body = foldNames(await readJsonBody(call), attachmentNames)
    const reference = readText(body, 'Container')
    if (action === 'disconnect' && body['Force'] === true && (await isTakenOff(api, call, reference))) return
    const owned = findOwned(api, reference)
    const network = await findNetworkFor(api, call.name, owned.member)
    const sent = { ...body, Container: owned.container.id }
    const path = `/networks/${network.id}/${action}`
    noteNodes(api, call, [owned.member])
    const isAttaching = action === 'connect' && !isLocal(network)
    if (isAttaching) {
      const version = owned.member.versionFor(call.version ?? api.cluster.apiVersion)
      const request = { method: 'POST', path: `${version}${path}`, unversioned: true, ...toJsonBody(sent) } as const
      const reply = await whileAttaching(api, call.exchange.signal, () =>
        owned.member.engine.request(request, { deadlineMs: api.limits.createSeconds * 1000 }),
      )
      await reply.bytes()
      void api.cluster.changed(owned.member, { what: 'container', id: owned.container.id, isInspected: true })
      call.exchange.reply(200, ['Api-Version', api.cluster.apiVersion])
      return
    }
    forward(api, call, owned.member, {
      enginePath: path,
      within: 'callSeconds',
      body: Buffer.from(renderPlainJson(sent as JsonValue)),
      onReply: (status) => {
        if (status >= 300) return
        void api.cluster.changed(owned.member, { what: 'container', id: owned.container.id, isInspected: true })
      },
    })
  }
}

/** By force a container of a dead node leaves a network that spans nodes without its engine. */
async function isTakenOff(api: Api, call: Call, reference: string): Promise<boolean> {
  const found = api.cluster.directory.findContainer(reference)
  if (found.kind !== 'found' || found.node.health.state === 'healthy') return false
  const network = api.cluster.directory.findNetwork(call.name)
  if (network.kind !== 'found' || isLocal(network.item)) return false
  await disconnectDead(api, network.item, found.item.id)
  call.exchange.reply(200, ['Api-Version', api.cluster.apiVersion])
  return true
}

/** A plain name that several nodes use means the one on the container's own node. */
async function findNetworkFor(api: Api, reference: string, member: Member): Promise<NetworkView> {
  await api.cluster.settled()
  const there = member.view.networks.find((each) => each.id === reference || each.name === reference)
  if (there !== undefined) return there
  const { member: holder, network } = await findNetwork(api, reference)
  if (isLocal(network) && holder !== member) {
    const where = `network ${reference} not found on node ${member.name}, where the container is: it is on node ${holder.name} only`
    throw new FlotillaError('cluster/not-found', where, { status: 404 })
  }
  return network
}

export const connect: Handler = attachment('connect')
export const disconnect: Handler = attachment('disconnect')

/** Makes a network on the node its name begins with, or on one that the scheduler chooses. */
export const create: Handler = (api, call) => api.fence.run((lead) => createFenced(api, call, lead))

async function createFenced(api: Api, call: Call, lead: FencedCall): Promise<void> {
  const body = foldNames(await readJsonBody(call), networkNames)
  const target = splitNodeName(readText(body, 'Name'), (reference) => api.cluster.directory.findNode(reference))
  if (target.node === undefined) {
    if (builtinNetworks.has(target.name)) {
      throw refusePredefined(`operation is not permitted on predefined ${target.name} network`)
    }
    await checkFree(api, target.name)
  }
  const managers = target.node === undefined ? await findManagers(api) : []
  // classicswarm api/handlers.go: no driver means the spanning one. Engines have that only in swarm mode, so on
  // others it means what it means on one engine; docker-compose sends none for the network of a project.
  const driver = readText(body, 'Driver') || (managers.length > 0 ? 'overlay' : 'bridge')
  const member =
    target.node !== undefined
      ? api.cluster.memberOf(target.node)
      : ((driver === 'overlay' ? managers[0] : undefined) ?? (await chooseNetworkNode(api, body)))
  if (target.node !== undefined) checkHealthy(member, `Network ${target.name} cannot be made on`)
  const isOverlay = driver === 'overlay' && managers.includes(member)
  const { Flotilla: _, ...asked } = body
  const named = { ...asked, Name: target.name, Driver: driver }
  const given = isOverlay ? toOverlayBody(named) : named
  const sent = bridgeNetwork(given, versionsOf(call, member), member.name)
  lead.check()
  const created = await post(api, call, member, '/networks/create', sent).catch((error: unknown) => {
    throw explainNoLeader(error)
  })
  const id = readText(created, 'Id')
  if (lead.isBroken) await takeBack(api, member, id)
  await api.cluster.changed(member, { what: 'network', id })
  const answer = isOverlay ? warnOfEncryption(api, sent, created) : created
  call.exchange.replyJson(201, answer, ['Api-Version', api.cluster.apiVersion])
}

/** Another manager leads by now, and may have given the name and a place in a quota away. */
async function takeBack(api: Api, member: Member, id: string): Promise<never> {
  const request = { method: 'DELETE', path: `/networks/${id}` } as const
  try {
    await (await member.engine.request(request, { deadlineMs: api.limits.callSeconds * 1000 })).bytes()
  } catch (error) {
    const what = `network ${id} was made on node ${member.name} after this manager had lost leadership`
    const message = `${what}, and could not be removed: ${toMessage(error)}`
    api.cluster.log.error(message)
    throw new FlotillaError('cluster/unhealthy', message, { status: 503, cause: error })
  }
  throw leadershipOver()
}

/** A second network under the plain name, on another node, would change what the name means. */
async function checkFree(api: Api, name: string): Promise<void> {
  await api.cluster.settled()
  const found = api.cluster.directory.networksNamed(name)
  if (!found.some(({ item }) => isLocal(item))) return
  throw new FlotillaError('cluster/conflict', `network with name ${name} already exists`, { status: 409 })
}

/** Swarm managers among the engines. Asked of the engines: a swarm may have been made a moment ago. */
async function findManagers(api: Api): Promise<readonly Member[]> {
  const members = api.cluster.healthyMembers()
  const reads = members.map((member) => member.touch({ what: 'specs' }))
  await waitAtMost(api.cluster.clock, Promise.all(reads), specsMs)
  return members.filter((each) => each.isHealthy && each.view.swarmRole === 'manager')
}

export async function post(
  api: Api,
  call: Call,
  member: Member,
  path: string,
  body: Fields,
  signal?: AbortSignal,
): Promise<Fields> {
  noteNodes(api, call, [member])
  const reply = await member.engine.request(
    {
      method: 'POST',
      path: `${member.versionFor(call.version ?? api.cluster.apiVersion)}${path}`,
      unversioned: true,
      ...toJsonBody(body),
    },
    { deadlineMs: api.limits.createSeconds * 1000, ...(signal === undefined ? {} : { signal }) },
  )
  const value = await reply.json<unknown>()
  return isFields(value) ? value : {}
}

function toJsonBody(body: Fields): { readonly headers: Record<string, string>; readonly body: Buffer } {
  return { headers: { 'content-type': 'application/json' }, body: Buffer.from(renderPlainJson(body as JsonValue)) }
}
