import type { Buffer } from 'node:buffer'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import type { NamedFailure } from '../../../core/errors.ts'
import { splitTag, toFullReference } from '../../image-name.ts'
import type { Member } from '../../member.ts'
import { isFields, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { headerOf } from '../http1/head.ts'
import { bridgeBytes, bridgeImage } from '../bridge/replies.ts'
import { isNewTo } from '../bridge/versions.ts'
import { anyHealthy, forward, noteNodes, paramsOf, versionsOf } from '../call.ts'
import type { Api, Call, Handler, Within } from '../call.ts'
import { renderPath } from '../target.ts'
import { fanOutBody } from './fan-out.ts'
import { joinNodeFailures } from './node-failures.ts'
import { whileHealthy } from './while-healthy.ts'

/** Engines that answer and have the image, in the order of the nodes. */
function holdersOf(api: Api, reference: string): readonly Member[] {
  const members: Member[] = []
  for (const { node } of api.cluster.directory.imageHolders(reference)) {
    const member = api.cluster.member(node.addr)
    if (member?.isHealthy === true && !members.includes(member)) members.push(member)
  }
  return members
}

function firstHolder(api: Api, reference: string): Member {
  const [first] = holdersOf(api, reference)
  if (first !== undefined) return first
  throw new FlotillaError('cluster/not-found', `No such image: ${reference}`, { status: 404 })
}

function passToHolder(within?: Within): Handler {
  return async (api, call) => {
    await api.cluster.settled()
    forward(api, call, firstHolder(api, call.name), within === undefined ? {} : { within })
  }
}

export const inspect: Handler = async (api, call) => {
  await api.cluster.settled()
  const member = firstHolder(api, call.name)
  const pair = versionsOf(call, member)
  const transform = (body: Buffer): readonly Buffer[] => [bridgeBytes(body, (image) => bridgeImage(image, pair))]
  forward(api, call, member, { within: 'callSeconds', ...(isNewTo(pair, '1.44') && { transform }) })
}

export const history: Handler = passToHolder('callSeconds')
export const save: Handler = passToHolder()

/** A drawing of layers that engines gave up long ago; the ancestor never had it. */
export const viz: Handler = (_api, call) => {
  call.exchange.replyError(501, 'Not supported in clustering mode.')
}

/** Several images in one archive: from an engine that has them all. */
export const saveMany: Handler = async (api, call) => {
  await api.cluster.settled()
  const names = paramsOf(call).getAll('names')
  const sets = names.map((name) => new Set(holdersOf(api, name)))
  const member = [...(sets[0] ?? [])].find((each) => sets.every((set) => set.has(each)))
  if (member !== undefined) return forward(api, call, member, {})
  throw new FlotillaError(
    'cluster/not-found',
    `Unable to find a healthy engine containing all images: [${names.join(' ')}]`,
    { status: 404 },
  )
}

export const push: Handler = async (api, call) => {
  await api.cluster.settled()
  const tag = paramsOf(call).get('tag') ?? ''
  const member = tag === '' ? repositoryHolder(api, call.name) : firstHolder(api, `${call.name}:${tag}`)
  forward(api, call, member, {})
}

/** Without a tag all of them are pushed: by the engine that has the most. */
function repositoryHolder(api: Api, name: string): Member {
  const { repository } = splitTag(toFullReference(name))
  let best: Member | undefined
  let most = 0
  for (const member of api.cluster.healthyMembers()) {
    const tags = member.view.images.flatMap((image) => image.repoTags)
    const count = tags.filter((each) => splitTag(each).repository === repository).length
    if (count > most) [best, most] = [member, count]
  }
  return best ?? firstHolder(api, name)
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
  await streamToAll(api, call, '/images/load', 'Loading Image...')
}

/** One body into every engine at once; the slowest sets the pace. */
async function streamToAll(api: Api, call: Call, path: string, title: string): Promise<void> {
  const members = api.cluster.healthyMembers()
  if (members.length === 0) anyHealthy(api)
  const bodies = fanOutBody(call.exchange, members.length)
  const progress = new NodeProgress(call, title)
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

/** Names every node that has the image. */
export const tag: Handler = async (api, call) => {
  await api.cluster.settled()
  const members = holdersOf(api, call.name)
  if (members.length === 0) firstHolder(api, call.name)
  noteNodes(api, call, members)
  await onAll(members, async (member) => {
    const path = `${member.versionFor(call.version ?? api.cluster.apiVersion)}${renderPath(call.path)}?${call.query}`
    const limit = { deadlineMs: api.limits.callSeconds * 1000 }
    await (await member.engine.request({ method: 'POST', path, unversioned: true }, limit)).bytes()
  })
  await readBack(api, members)
  call.exchange.reply(201, ['Api-Version', api.cluster.apiVersion])
}

/** Removes it from every node that has it. */
export const remove: Handler = async (api, call) => {
  await api.cluster.settled()
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

type Ask = (member: Member, index: number, signal: AbortSignal) => ReturnType<Member['engine']['request']>

/** Progress lines of several engines as one stream: `id` is the node, `status` says what for and what. */
class NodeProgress {
  readonly #call: Call
  readonly #title: string

  constructor(call: Call, title: string) {
    this.#call = call
    this.#title = title
  }

  async runAll(
    api: Api,
    ask: Ask,
    members: readonly Member[] = api.cluster.healthyMembers(),
    onFailed?: (index: number) => void,
  ): Promise<void> {
    const { exchange } = this.#call
    if (members.length === 0) anyHealthy(api)
    noteNodes(api, this.#call, members)
    exchange.startStream(200, ['Content-Type', 'application/json', 'Api-Version', api.cluster.apiVersion])
    const problems: string[] = []
    const results = new Set<string>()
    await Promise.all(
      members.map(async (member, index) => {
        this.#say(member, '')
        try {
          await whileHealthy(api, member, exchange.signal, async (signal) =>
            this.#follow(member, await ask(member, index, signal), results),
          )
        } catch (error) {
          onFailed?.(index)
          problems.push(`${member.name}: ${toMessage(error)}`)
          this.#say(member, toMessage(error))
        }
      }),
    )
    // What an engine would say at the end is said once more as it would, for programs that read it.
    for (const text of results) exchange.write(`${JSON.stringify({ stream: text })}\n`)
    for (const member of members) void api.cluster.changed(member, { what: 'images' })
    await api.cluster.settled()
    if (problems.length > 0 && !isForgiven(problems, members.length)) {
      const message = problems.join('\n')
      exchange.write(`${JSON.stringify({ error: message, errorDetail: { code: 1, message } })}\n`)
    }
    exchange.end()
  }

  async #follow(member: Member, reply: Awaited<ReturnType<Ask>>, results: Set<string>): Promise<void> {
    for await (const line of reply.documents<Fields>()) {
      const problem = readText(line, 'error')
      if (problem !== '') throw new FlotillaError('engine/server', problem)
      const stream = readText(line, 'stream')
      if (stream.startsWith('Loaded image')) results.add(stream)
      const text = stream.trim() || describeProgress(line)
      if (text !== '') this.#say(member, text)
      if (this.#call.exchange.connection.socket.writableNeedDrain) await this.#call.exchange.drain()
    }
  }

  #say(member: Member, text: string): void {
    const status = text === '' ? this.#title : `${this.#title} : ${text}`
    this.#call.exchange.write(`${JSON.stringify({ id: member.name, status })}\n`)
  }
}

function describeProgress(line: Fields): string {
  const status = readText(line, 'status')
  const id = readText(line, 'id')
  return id === '' ? status : `${id}: ${status}`
}

/** Images for another system: forgiven where at least one engine could use it. */
function isForgiven(problems: readonly string[], members: number): boolean {
  return (
    problems.length < members &&
    problems.every((text) => /cannot be used on this platform|no matching manifest/.test(text))
  )
}
