import type { Buffer } from 'node:buffer'
import { FlotillaError } from '../../../core/errors.ts'
import type { NamedFailure } from '../../../core/errors.ts'
import type { Member } from '../../member.ts'
import { isFields } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { headerOf } from '../http1/head.ts'
import { bridgeBytes, bridgeImage } from '../bridge/replies.ts'
import { isNewTo } from '../bridge/versions.ts'
import { anyHealthy, forward, isTrue, noteNodes, paramsOf, versionsOf } from '../call.ts'
import type { Api, Call, Handler, Passing } from '../call.ts'
import type { ForwardOptions } from '../forward-options.ts'
import { renderPath } from '../target.ts'
import { fanOutBody } from './fan-out.ts'
import { firstHolder, holdersOf, latestHolders, repositoryHolder, settleImages } from './image-holders.ts'
import { joinNodeFailures } from './node-failures.ts'
import { NodeProgress } from './node-progress.ts'

type ForHolder = (member: Member, call: Call) => Partial<ForwardOptions> & Passing

/** Reads an image where it is: a node that cannot be reached, or breaks off, leaves the answer to the next that has the same. */
function passToHolder(optionsFor: ForHolder): Handler {
  return async (api, call) => {
    await settleImages(api)
    const first = firstHolder(api, call.name)
    const others = latestHolders(api, call.name).flatMap(({ member }) => (member === first ? [] : [member]))
    const pass = (member: Member): void => {
      const next = others.shift()
      const options = optionsFor(member, call)
      if (next === undefined) forward(api, call, member, options)
      else {
        const goOn = (): void => pass(next)
        forward(api, call, member, { ...options, repeat: 'always', onUnsent: goOn, onLost: goOn })
      }
    }
    pass(first)
  }
}

export const inspect: Handler = passToHolder((member, call) => {
  const pair = versionsOf(call, member)
  const transform = (body: Buffer): readonly Buffer[] => [bridgeBytes(body, (image) => bridgeImage(image, pair))]
  return { within: 'callSeconds', ...(isNewTo(pair, '1.44') && { transform }) }
})

export const history: Handler = passToHolder(() => ({ within: 'callSeconds' }))
/** Since API 1.55; older engines do not have the page. */
export const attestations: Handler = passToHolder(() => ({ within: 'callSeconds' }))
export const save: Handler = passToHolder(() => ({}))

/** A drawing of layers that engines gave up long ago; the ancestor never had it. */
export const viz: Handler = (_api, call) => {
  call.exchange.replyError(501, 'Not supported in clustering mode.')
}

/** Several images in one archive: from an engine that has them all. */
export const saveMany: Handler = async (api, call) => {
  await settleImages(api)
  const names = paramsOf(call).getAll('names')
  const latest = names.map((name) => latestHolders(api, name).map(({ member }) => member))
  const member = findCommon(latest) ?? findCommon(names.map((name) => holdersOf(api, name)))
  if (member !== undefined) return forward(api, call, member, {})
  throw new FlotillaError(
    'cluster/not-found',
    `Unable to find a healthy engine containing all images: [${names.join(' ')}]`,
    { status: 404 },
  )
}

function findCommon(lists: readonly (readonly Member[])[]): Member | undefined {
  const [first = [], ...others] = lists
  return first.find((member) => others.every((list) => list.includes(member)))
}

export const push: Handler = async (api, call) => {
  await settleImages(api)
  const tag = paramsOf(call).get('tag') ?? ''
  const member = tag === '' ? repositoryHolder(api, call.name) : firstHolder(api, `${call.name}:${tag}`)
  forward(api, call, member, {})
}

/** Pulls on every engine at once, or imports the body into every engine. */
export const createImage: Handler = async (api, call) => {
  const params = paramsOf(call)
  if ((params.get('fromSrc') ?? '') !== '') return importImage(api, call)
  const image = params.get('fromImage') ?? ''
  if (image === '')
    throw new FlotillaError('cluster/invalid-option', 'fromImage or fromSrc is required', { status: 400 })
  const tag = params.get('tag') ?? ''
  const shown = tag === '' ? image : `${image}${tag.includes(':') ? '@' : ':'}${tag}`
  const auth = headerOf(call.exchange.head, 'x-registry-auth')
  const progress = new NodeProgress(call, `Pulling ${shown}...`)
  await progress.runAll(api, (member, _, signal) =>
    member.engine.request(
      {
        method: 'POST',
        path: `${member.versionFor(call.version ?? api.cluster.apiVersion)}/images/create?${call.query}`,
        unversioned: true,
        stream: true,
        idleMs: api.limits.pullIdleSeconds * 1000,
        ...(auth === undefined ? {} : { headers: { 'x-registry-auth': auth } }),
      },
      { signal },
    ),
  )
}

async function importImage(api: Api, call: Call): Promise<void> {
  await streamToAll(api, call, '/images/create', 'Importing Image...')
}

export const load: Handler = async (api, call) => {
  await streamToAll(api, call, '/images/load', 'Loading Image...', isTrue(paramsOf(call).get('quiet')))
}

/** One body into every engine at once; the slowest sets the pace. */
async function streamToAll(api: Api, call: Call, path: string, title: string, isQuiet = false): Promise<void> {
  const members = api.cluster.healthyMembers()
  if (members.length === 0) anyHealthy(api)
  const bodies = fanOutBody(call.exchange, members.length)
  const progress = new NodeProgress(call, title, isQuiet)
  const type = headerOf(call.exchange.head, 'content-type') ?? 'application/x-tar'
  await progress.runAll(
    api,
    (member, index, signal) =>
      member.engine.request(
        {
          method: 'POST',
          path: `${member.versionFor(call.version ?? api.cluster.apiVersion)}${path}?${call.query}`,
          unversioned: true,
          stream: true,
          headers: { 'content-type': type },
          body: bodies[index],
        },
        { signal },
      ),
    members,
    (index) => bodies[index]?.destroy(),
  )
}

/** Gives a name to the image, on every node that has it. */
export const tag: Handler = async (api, call) => {
  await settleImages(api)
  const holders = latestHolders(api, call.name)
  const members = holders.map(({ member }) => member)
  if (members.length === 0) firstHolder(api, call.name)
  noteNodes(api, call, members)
  await onAll(members, async (member) => {
    const path = `${member.versionFor(call.version ?? api.cluster.apiVersion)}${renderPath(call.path)}?${call.query}`
    const limit = { deadlineMs: api.limits.callSeconds * 1000 }
    await (await member.engine.request({ method: 'POST', path, unversioned: true }, limit)).bytes()
  })
  await readBack(api, members)
  const [first] = holders
  const params = paramsOf(call)
  const repository = params.get('repo') ?? ''
  if (first !== undefined && repository !== '') {
    api.latest.give(`${repository}:${params.get('tag') || 'latest'}`, first.member.addr, first.item.id)
  }
  call.exchange.reply(201, ['Api-Version', api.cluster.apiVersion])
}

/** Removes it from every node that has it. */
export const remove: Handler = async (api, call) => {
  await settleImages(api)
  const members = holdersOf(api, call.name)
  if (members.length === 0) {
    throw new FlotillaError('cluster/not-found', `No such image ${call.name}`, { status: 404 })
  }
  const removed = new Map<string, Fields>()
  noteNodes(api, call, members)
  try {
    await onAll(members, async (member) => {
      const query = call.query === '' ? '' : `?${call.query}`
      const path = `${member.versionFor(call.version ?? api.cluster.apiVersion)}${renderPath(call.path)}${query}`
      const limit = { deadlineMs: api.limits.createSeconds * 1000 }
      const reply = await member.engine.request({ method: 'DELETE', path, unversioned: true }, limit)
      const rows = await reply.json<unknown>()
      for (const row of Array.isArray(rows) ? rows.filter(isFields) : []) removed.set(JSON.stringify(row), row)
    })
  } finally {
    await readBack(api, members)
  }
  call.exchange.replyJson(200, [...removed.values()], ['Api-Version', api.cluster.apiVersion])
}

async function readBack(api: Api, members: readonly Member[]): Promise<void> {
  for (const member of members) void api.cluster.changed(member, { what: 'images' })
  await api.cluster.settled()
}

/**
 * A node that has lost the image meanwhile needs nothing done, as long as another one had it.
 *
 * @throws one error that lists `node: message` lines, with the status all failures share, else 500
 */
async function onAll(members: readonly Member[], body: (member: Member) => Promise<void>): Promise<void> {
  const failures: NamedFailure[] = []
  await Promise.all(
    members.map((member) => body(member).catch((error: unknown) => failures.push({ name: member.name, error }))),
  )
  if (failures.length === 0 || (failures.length < members.length && failures.every(isGone))) return
  throw joinNodeFailures(failures)
}

function isGone({ error }: NamedFailure): boolean {
  return error instanceof FlotillaError && error.status === 404
}
