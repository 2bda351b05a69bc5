import { pipeline } from 'node:stream'
import type { Readable } from 'node:stream'
import { isImageName, readDockerfileImages } from '../../../core/dockerfile.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { compareApiVersions, isApiVersion } from '../../../engine/version.ts'
import type { PlaceHeld } from '../../places.ts'
import type { Member } from '../../member.ts'
import { addCondition, checkConditionLimits, listConditions, parseCreate } from '../../request.ts'
import { readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { bringBases, watchContext } from '../base-images.ts'
import { parseBuild, readArgs, toEngineQuery } from '../build-request.ts'
import type { BuildRequest } from '../build-request.ts'
import { checkStreams, forward, isTrue, noteNodes, paramsOf, readWith } from '../call.ts'
import type { Api, Call, Handler } from '../call.ts'
import { headerOf } from '../http1/head.ts'
import { fanOutBody } from './fan-out.ts'
import { lookAgain } from './image-holders.ts'
import { chooseMember } from './choose-member.ts'
import { randomId } from '../../../io/random-id.ts'

/** How long parts of a build wait for the call that decides where it is done. */
const followMs = 5000
/** A session comes at the same moment as its build, which may carry conditions; alone it decides after this. */
const sessionMs = 250

/** Images that the build of a tunnel begins with, as references between commas: Compose has read its Dockerfile. */
const baseImagesHeader = 'flotilla-base-images'
/** The lowest API version of the engine that can do the build of a tunnel. */
const builderVersionHeader = 'flotilla-builder-version'
const mostBases = 64

const uploadPrefix = 'upload-request:'

/** Where a build is done; `held` while this call keeps the place. */
interface BuildPlace {
  readonly member: Member
  readonly held: PlaceHeld | undefined
}

/**
 * Builds an image on one node: that of the build's session if there is one by now, else one that the scheduler chooses
 * as for a container. Builds for a name go where that name is, as long as nothing speaks against it: its layers are
 * there, and an old image of the name is replaced rather than left beside the new one.
 */
export const build: Handler = async (api, call) => {
  const params = paramsOf(call)
  const id = params.get('buildid') ?? ''
  if (id.startsWith(uploadPrefix)) return followBuild(api, call, id.slice(uploadPrefix.length))
  const request = parseBuild(params)
  const session = params.get('session') ?? ''
  const place = await choosePlace(api, request, session)
  api.builds.set('build', id, place.member.addr)
  api.builds.set('session', session, place.member.addr)
  const { member } = place
  const before = member.view.images
  const done = (): void => {
    place.held?.release()
    api.builds.delete('build', id)
    const read = api.cluster.changed(member, { what: 'images' })
    api.latest.after(read, () => api.latest.compare(member.addr, before, member.view.images, request.tags))
  }
  if (call.exchange.isGone) return done()
  const query = toEngineQuery(request, place.member.view.cpus)
  nameNode(call, place.member)
  if (params.get('version') === '2') {
    forward(api, call, place.member, { engineQuery: query, onDone: done })
    return undefined
  }
  try {
    await buildClassic(api, call, place.member, query)
  } finally {
    done()
  }
  await api.cluster.settled()
  call.exchange.end()
}

/** Says which node it was, without a word in the output that programs read. */
function nameNode(call: Call, member: Member): void {
  call.exchange.addHeaders(['Flotilla-Node', member.name])
}

async function choosePlace(api: Api, request: BuildRequest, session: string): Promise<BuildPlace> {
  const known = session === '' ? undefined : memberAt(api, api.builds.get('session', session))
  if (known !== undefined) return { member: known, held: undefined }
  const compile = await readWith(api, listConditions(request.body))
  const draft = parseCreate('', request.body, compile, () => randomId(32), api.limits.patternLength)
  checkConditionLimits(draft.request)
  let placement = draft.request
  for (const tag of request.tags) placement = addCondition(placement, 'affinities', `image==~${tag}`)
  const held = await api.cluster.hold(draft, placement)
  if (held.kind === 'held') return { member: held.member, held }
  throw new FlotillaError('cluster/no-placement', held.text, { status: 500 })
}

/** The engine's own lines; when it fails, one before them says where. */
async function buildClassic(api: Api, call: Call, member: Member, query: string): Promise<void> {
  const { exchange } = call
  noteNodes(api, call, [member])
  const { body, problems } = readContext(api, call, member)
  const headers: Record<string, string> = { 'content-type': 'application/x-tar' }
  for (const name of ['content-type', 'content-encoding', 'x-registry-config', 'x-registry-auth']) {
    const value = headerOf(exchange.head, name)
    if (value !== undefined) headers[name] = value
  }
  const path = `${member.versionFor(call.version ?? api.cluster.apiVersion)}/build?${query}`
  const reply = await member.engine.request(
    { method: 'POST', path, unversioned: true, stream: true, headers, body },
    { signal: exchange.signal },
  )
  const isQuiet = isTrue(paramsOf(call).get('q'))
  exchange.startStream(200, ['Content-Type', 'application/json', 'Api-Version', api.cluster.apiVersion])
  for (const problem of isQuiet ? [] : problems) exchange.write(`${JSON.stringify({ stream: `${problem}\n` })}\r\n`)
  for await (const line of reply.documents<Fields>()) {
    if (!isQuiet && readText(line, 'error') !== '') {
      exchange.write(`${JSON.stringify({ stream: `Build failed on node ${member.name}\n` })}\r\n`)
    }
    if (!exchange.write(`${JSON.stringify(line)}\r\n`)) await exchange.drain()
  }
}

interface Context {
  readonly body: Readable
  /** What is to be told of images that could not be brought; filled by the time the engine answers. */
  readonly problems: readonly string[]
}

/** The context on its way to the engine, which gets what the Dockerfile in it begins with before it gets the end of it. */
function readContext(api: Api, call: Call, member: Member): Context {
  const { exchange } = call
  const params = paramsOf(call)
  const problems: string[] = []
  const [given] = fanOutBody(exchange, 1)
  if (given === undefined) throw new FlotillaError('internal', 'there is no body')
  // A context from elsewhere is fetched by the engine.
  if (isTrue(params.get('pull')) || (params.get('remote') ?? '') !== '') return { body: given, problems }
  const args = readArgs(params.get('buildargs') ?? '')
  const target = params.get('target') ?? ''
  const watch = watchContext(params.get('dockerfile') || 'Dockerfile', async (text) => {
    const { bases } = readDockerfileImages(text, { args, target })
    problems.push(...(await bringBases(api, member, bases, exchange.signal)))
  })
  // Whoever reads it hears of its failure.
  return { body: pipeline(given, watch, () => undefined), problems }
}

/** A part of a build that is under way, or about to be, elsewhere. @throws {cluster/not-found} */
async function followBuild(api: Api, call: Call, id: string): Promise<void> {
  const member = memberAt(api, await api.builds.wait('build', id, followMs, call.exchange.signal))
  if (member === undefined) {
    throw new FlotillaError('cluster/not-found', 'timeout waiting for build to start', { status: 404 })
  }
  forward(api, call, member, {})
}

export const cancelBuild: Handler = (api, call) => {
  const id = paramsOf(call).get('id') ?? ''
  if (id === '') throw new FlotillaError('cluster/invalid-option', 'build ID not provided', { status: 400 })
  return followBuild(api, call, id)
}

function memberAt(api: Api, addr: string | undefined): Member | undefined {
  const member = addr === undefined ? undefined : api.cluster.member(addr)
  return member?.isHealthy === true ? member : undefined
}

function clientOf(call: Call): string {
  return call.exchange.connection.remoteAddress ?? ''
}

/** A client's files and credentials, offered to its build: a tunnel to the node of that build. */
export const session: Handler = async (api, call) => {
  const id = headerOf(call.exchange.head, 'x-docker-expose-session-uuid') ?? ''
  const client = clientOf(call)
  // Builds that go through the other tunnel name no session; those of one client all go to one node.
  const addr = api.builds.isOpen(client)
    ? (api.builds.get('session', id) ?? api.builds.ofClient(client))
    : ((await api.builds.wait('session', id, sessionMs, call.exchange.signal)) ?? api.builds.ofClient(client))
  const member = memberAt(api, addr) ?? chooseMember(api)
  checkStreams(api)
  api.builds.set('session', id, member.addr)
  forward(api, call, member, { isHijack: true, onDone: () => api.builds.delete('session', id) })
}

/**
 * The builder of an engine itself, as buildx talks to it: one node for one client, where its layers are, unless the build needs
 * a newer engine than that. Compose says which images the build begins with: they are brought first.
 */
export const grpc: Handler = async (api, call) => {
  const { exchange } = call
  const client = clientOf(call)
  const version = headerOf(exchange.head, builderVersionHeader) ?? ''
  const known = memberAt(api, api.builds.ofClient(client))
  const member = known !== undefined && isAtLeast(known, version) ? known : chooseBuilder(api, version)
  checkStreams(api)
  if (!api.builds.openAddrs().includes(member.addr)) api.latest.begin(member.addr, member.view.images)
  api.builds.count(client, member.addr, 1)
  const done = (): void => {
    api.builds.count(client, member.addr, -1)
    lookAgain(api, member)
  }
  try {
    const references = (headerOf(exchange.head, baseImagesHeader) ?? '').split(',').filter(isImageName)
    await bringBases(api, member, references.slice(0, mostBases), exchange.signal)
  } catch (error) {
    done()
    throw error
  }
  if (exchange.isGone) return done()
  forward(api, call, member, { isHijack: true, onDone: done })
}

function isAtLeast({ view }: Member, version: string): boolean {
  return !isApiVersion(version) || (view.apiVersion !== '' && compareApiVersions(view.apiVersion, version) >= 0)
}

/** @throws {cluster/no-placement} status 500 */
function chooseBuilder(api: Api, version: string): Member {
  const healthy = api.cluster.healthyMembers()
  const old = healthy.filter((member) => !isAtLeast(member, version))
  if (old.length > 0 && old.length === healthy.length) {
    const text = `no node can do this build: it needs an engine with API version ${version} or newer`
    throw new FlotillaError('cluster/no-placement', text, { status: 500 })
  }
  return chooseMember(
    api,
    old.map(({ name }) => name),
  )
}
