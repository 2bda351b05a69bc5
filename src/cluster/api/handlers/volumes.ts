import { FlotillaError } from '../../../core/errors.ts'
import type { NamedFailure } from '../../../core/errors.ts'
import { checkVolumeTypes } from '../../create-types.ts'
import type { Member } from '../../member.ts'
import { WHITELISTS_LABEL } from '../../model.ts'
import { readFields, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { foldNames, volumeNames } from '../body-names.ts'
import { checkHealthy, forward, isTrue, noteNodes, paramsOf, readJsonBody } from '../call.ts'
import type { Api, Call, Handler } from '../call.ts'
import { isOutcomeUnknown } from '../failure-status.ts'
import { renderPath } from '../target.ts'
import { splitNodeName } from '../merge.ts'
import { findManager } from './native-swarm.ts'
import { post } from './networks.ts'
import { joinNodeFailures } from './node-failures.ts'
import { whileHealthy } from './while-healthy.ts'
import { randomId } from '../../../io/random-id.ts'

export const inspect: Handler = async (api, call) => {
  await api.cluster.settled()
  const found = api.cluster.directory.findVolume(call.name)
  if (found.kind === 'ambiguous') {
    const nodes = found.matches.map((match) => match.node.name).join(', ')
    throw new FlotillaError(
      'cluster/ambiguous',
      `get ${call.name}: no such volume: the name is in use on several nodes (${nodes}); give the node too, as NODE/NAME`,
      { status: 404 },
    )
  }
  if (found.kind === 'missing') {
    throw new FlotillaError('cluster/not-found', `get ${call.name}: no such volume`, { status: 404 })
  }
  const enginePath = `/volumes/${found.item.name}`
  const member = api.cluster.memberOf(found.node)
  checkHealthy(member, `Volume ${call.name} is on`)
  forward(api, call, member, { enginePath, within: 'callSeconds' })
}

/** What a prune goes by since API 1.42: engines give it to volumes that were made without a name. */
const ANONYMOUS_LABEL = 'com.docker.volume.anonymous'

/**
 * Makes a volume on every node, or on the one its name begins with. Without a name all get the same one, and the label
 * that engines give such volumes, which see a name here.
 */
export const create: Handler = async (api, call) => {
  const made = await makeVolume(api, call, foldNames(await readJsonBody(call), volumeNames))
  call.exchange.replyJson(201, made, ['Api-Version', api.cluster.apiVersion])
}

/**
 * Makes it as a call with this body would.
 *
 * @param onMade told when an engine has made it, or has not said whether it did
 * @returns what the first engine says of it
 */
export function makeVolume(api: Api, call: Call, body: Fields, onMade?: () => void): Promise<Fields> {
  // One that is there is no other one: nothing is taken back.
  return api.fence.run(() => makeEverywhere(api, call, body, onMade))
}

async function makeEverywhere(api: Api, call: Call, body: Fields, onMade?: () => void): Promise<Fields> {
  checkVolumeTypes(body)
  const given = readText(body, 'Name')
  const target = splitNodeName(given, (reference) => api.cluster.directory.findNode(reference))
  const members = target.node === undefined ? listAllowed(api, body) : [api.cluster.memberOf(target.node)]
  if (members.length === 0) {
    throw new FlotillaError('cluster/no-placement', 'No healthy node available in the cluster', { status: 500 })
  }
  const [only] = members
  if (target.node !== undefined && only !== undefined) checkHealthy(only, `Volume ${target.name} cannot be made on`)
  const sent = target.name === '' ? nameAnonymous(body) : { ...body, Name: target.name }
  if (api.cluster.directory.volumeHolders(sent.Name).length === 0) {
    api.cluster.volumeUses.note(sent.Name, { kind: 'nowhere' })
  }
  const made: Fields[] = []
  try {
    await forEach(members, async (member) => {
      const ask = (signal: AbortSignal): Promise<Fields> => post(api, call, member, '/volumes/create', sent, signal)
      try {
        made.push(await whileHealthy(api, member, call.exchange.signal, ask))
      } catch (error) {
        if (isOutcomeUnknown(error)) onMade?.()
        throw error
      }
      onMade?.()
    })
  } finally {
    // Where one node fails, the others have it.
    await readBack(api, members, sent.Name)
  }
  noteNodes(api, call, members)
  return made[0] ?? {}
}

/** Names one that has no name, as engines do. */
export function nameAnonymous(body: Fields): Fields & { readonly Name: string } {
  const labels = { ...readFields(body, 'Labels'), [ANONYMOUS_LABEL]: '' }
  return { ...body, Name: randomId(32), Labels: labels }
}

/** Healthy engines, narrowed by the whitelist label. */
function listAllowed(api: Api, body: Fields): readonly Member[] {
  const text = readText(readFields(body, 'Labels'), WHITELISTS_LABEL)
  const members = api.cluster.healthyMembers()
  if (text === '') return members
  let allowed: unknown
  try {
    allowed = JSON.parse(text)
  } catch {
    return members
  }
  if (!Array.isArray(allowed)) return members
  const rules = allowed.filter((each) => typeof each === 'string')
  const names = new Set(rules.flatMap((rule) => rule.replace(/^[^=]*==~?/, '').split('|')))
  return members.filter((member) => names.has(member.view.name))
}

/** Cluster volumes belong to the engines' own swarm; those of nodes cannot be changed (moby volume_routes.go). */
export const update: Handler = (api, call) => {
  const manager = findManager(api)
  if (manager !== undefined) return forward(api, call, manager, { within: 'callSeconds' })
  call.exchange.replyError(503, 'volume update only valid for cluster volumes, but swarm is unavailable')
  return undefined
}

/** Removes it from every node that has it. */
export const remove: Handler = async (api, call) => {
  await api.cluster.settled()
  const holders = api.cluster.directory.volumeHolders(call.name)
  const [first] = holders
  if (first === undefined) {
    // As on one engine: by force, what is not there is removed already.
    if (isTrue(paramsOf(call).get('force'))) return noContent(api, call)
    throw new FlotillaError('cluster/not-found', `get ${call.name}: no such volume`, { status: 404 })
  }
  const { name } = first.item
  const members = holders.map(({ node }) => api.cluster.memberOf(node))
  noteNodes(api, call, members)
  const gone: unknown[] = []
  try {
    await forEach(members, async (member) => {
      const query = call.query === '' ? '' : `?${call.query}`
      const version = member.versionFor(call.version ?? api.cluster.apiVersion)
      const path = `${version}${renderPath(`/volumes/${name}`)}${query}`
      const request = { method: 'DELETE', path, unversioned: true } as const
      if (!member.isHealthy) {
        throw new FlotillaError('cluster/unhealthy', `Volume ${name} is on an unhealthy node`, { status: 500 })
      }
      try {
        await (await member.engine.request(request, { deadlineMs: api.limits.callSeconds * 1000 })).bytes()
      } catch (error) {
        // A node that has lost it meanwhile needs nothing done, as long as another one had it.
        const isGone = error instanceof FlotillaError && error.status === 404
        if (!isGone || gone.push(error) === members.length) throw error
      }
    })
  } finally {
    await readBack(api, members, name)
  }
  noContent(api, call)
}

function noContent(api: Api, call: Call): void {
  call.exchange.reply(204, ['Api-Version', api.cluster.apiVersion])
}

async function readBack(api: Api, members: readonly Member[], name: string): Promise<void> {
  for (const member of members) void api.cluster.changed(member, { what: 'volume', name })
  await api.cluster.settled()
}

/** @throws one error that lists `node: message` lines, with the status all failures share, else 500 */
async function forEach(members: readonly Member[], body: (member: Member) => Promise<void>): Promise<void> {
  const failures: NamedFailure[] = []
  await Promise.all(
    members.map((member) => body(member).catch((error: unknown) => failures.push({ name: member.name, error }))),
  )
  if (failures.length === 0) return
  throw joinNodeFailures(failures)
}
