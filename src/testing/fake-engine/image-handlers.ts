import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream'
import { pack } from 'tar-stream'
import type { ImageInspect, ImageProgress, ImageSummary } from '../../engine/api/types-resource.ts'
import { FakeError, hasLabels, isSet, readFilters } from './call.ts'
import type { FakeCall, FakeRoute } from './call.ts'
import { digestOf, loadLayered, saveLayered } from './layered-image.ts'
import { normalizeTag, renderTime } from './state.ts'
import type { FakeImage } from './state.ts'

function needImage(call: FakeCall, reference: string = call.params[0] ?? ''): FakeImage {
  const image = call.state.findImage(reference)
  if (image === undefined) throw new FakeError(404, `No such image: ${normalizeTag(reference)}`)
  return image
}

function viewSummary(image: FakeImage): ImageSummary {
  return {
    Id: image.id,
    ParentId: '',
    RepoTags: [...image.tags],
    RepoDigests: [],
    Created: Math.floor(image.createdAtMs / 1000),
    Size: image.size,
    SharedSize: -1,
    VirtualSize: image.size,
    Labels: image.config.Labels ?? null,
    Containers: -1,
  }
}

function list(call: FakeCall): void {
  const filters = readFilters(call, ['label', 'reference', 'dangling', 'before', 'since'])
  const references = filters.get('reference')
  const rows = [...call.state.images.values()].filter(
    (image) =>
      hasLabels(image.config.Labels, filters.get('label')) &&
      (references === undefined || references.some((reference) => matchesReference(image, reference))),
  )
  call.send(200, rows.map(viewSummary))
}

function matchesReference(image: FakeImage, pattern: string): boolean {
  const source = pattern.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '[^/]*')
  const test = new RegExp(`^${source}$`)
  return [...image.tags].some((tag) => test.test(tag) || test.test(tag.replace(/:[^:]*$/, '')))
}

function inspect(call: FakeCall): void {
  const image = needImage(call)
  const view: ImageInspect = {
    Id: image.id,
    RepoTags: [...image.tags],
    RepoDigests: [],
    Parent: '',
    Comment: '',
    Created: renderTime(image.createdAtMs),
    Config: image.config,
    Architecture: architectureOf(image),
    Os: 'linux',
    Size: image.size,
    RootFS: { Type: 'layers', Layers: image.content?.layers.map(digestOf) ?? [image.id] },
  }
  call.send(200, view)
}

function architectureOf({ content }: FakeImage): string {
  if (content === undefined) return 'amd64'
  return (JSON.parse(content.configText) as { readonly architecture: string }).architecture
}

/** `POST /images/create`: a pull with `fromImage`, an import with `fromSrc`. */
async function create(call: FakeCall): Promise<void> {
  const from = call.query.get('fromImage')
  const tag = call.query.get('tag') ?? ''
  if (from === null) {
    await call.body()
    const image = call.state.addImage(`${call.query.get('repo') ?? 'imported'}:${tag === '' ? 'latest' : tag}`)
    call.state.emit('image', 'import', image.id, { name: image.id })
    sendProgress(call, [{ status: image.id }])
    return
  }
  const reference = normalizeTag(tag === '' || from.includes('@') ? from : `${from}:${tag}`)
  if (!(call.state.options.registry ?? []).some((name) => normalizeTag(name) === reference)) {
    const repository = reference.replace(/:[^:/]*$/, '')
    throw new FakeError(
      404,
      `pull access denied for ${repository}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
    )
  }
  const image = call.state.addImage(reference)
  call.state.emit('image', 'pull', reference, { name: reference.replace(/:[^:/]*$/, '') })
  sendProgress(call, [
    { status: `Pulling from ${reference.replace(/:[^:/]*$/, '')}`, id: reference.replace(/^.*:/, '') },
    { status: 'Pulling fs layer', progressDetail: {}, id: 'a1b2c3d4e5f6' },
    { status: 'Pull complete', progressDetail: {}, id: 'a1b2c3d4e5f6' },
    { status: `Digest: ${image.id}` },
    { status: `Status: Downloaded newer image for ${reference}` },
  ])
}

/** `GET /distribution/{name}/json`: what a registry has, which only the engine reaches. */
function distribution(call: FakeCall): void {
  const reference = normalizeTag(call.params[0] ?? '')
  if (!(call.state.options.registry ?? []).some((name) => normalizeTag(name) === reference)) {
    throw new FakeError(404, `manifest unknown: ${reference}`)
  }
  const digest = `sha256:${createHash('sha256').update(reference).digest('hex')}`
  call.send(200, {
    Descriptor: { mediaType: 'application/vnd.oci.image.index.v1+json', digest, size: 1 },
    Platforms: [],
  })
}

function sendProgress(call: FakeCall, documents: readonly ImageProgress[]): void {
  const response = call.stream('application/json')
  for (const document of documents) response.write(`${JSON.stringify(document)}\r\n`)
  response.end()
}

/** Images with content, and those that archives of this fake only name. */
async function load(call: FakeCall): Promise<void> {
  const loaded = await loadLayered(call.state, call.request)
  if ('error' in loaded) {
    sendProgress(call, [{ errorDetail: { message: loaded.error }, error: loaded.error }])
    return
  }
  for (const tag of loaded.plain) {
    const image = call.state.addImage(tag)
    call.state.emit('image', 'load', image.id, { name: image.id })
  }
  const lines = [...loaded.plain.map((tag) => `Loaded image: ${tag}`), ...loaded.lines]
  sendProgress(
    call,
    lines.map((stream) => ({ stream: `${stream}\n` })),
  )
}

function save(call: FakeCall): void {
  const names = call.params[0] === undefined ? call.query.getAll('names') : [call.params[0]]
  const images = names.map((name) => needImage(call, name))
  const [first] = images
  if (first?.content !== undefined && images.length === 1) {
    const response = call.stream('application/x-tar')
    pipeline(saveLayered(call.state, first, first.content, names[0] ?? ''), response, () => undefined)
    return
  }
  const manifest = images.map((image, index) => ({
    Config: `${image.id.slice(7)}.json`,
    RepoTags: [normalizeTag(names[index] ?? '')],
    Layers: [],
  }))
  const tar = pack()
  for (const image of images) {
    tar.entry({ name: `${image.id.slice(7)}.json` }, JSON.stringify({ config: image.config }))
  }
  tar.entry({ name: 'manifest.json' }, JSON.stringify(manifest))
  tar.finalize()
  tar.pipe(call.stream('application/x-tar'))
}

function tagImage(call: FakeCall): void {
  const image = needImage(call)
  const tag = normalizeTag(`${call.query.get('repo') ?? ''}:${call.query.get('tag') ?? 'latest'}`)
  for (const other of call.state.images.values()) other.tags.delete(tag)
  image.tags.add(tag)
  call.state.emit('image', 'tag', image.id, { name: tag })
  call.send(201)
}

function remove(call: FakeCall): void {
  const reference = call.params[0] ?? ''
  const image = needImage(call)
  const user = [...call.state.containers.values()].find((container) => container.imageId === image.id)
  if (user !== undefined && !isSet(call, 'force')) {
    const [how, state] = user.process === undefined ? ['must force', 'stopped'] : ['cannot be forced', 'running']
    throw new FakeError(
      409,
      `conflict: unable to remove repository reference "${reference}" (${how}) - container ${user.id.slice(0, 12)} is using its referenced image ${image.id.slice(7, 19)} (${state})`,
    )
  }
  const tag = normalizeTag(reference)
  const untagged = image.tags.has(tag) ? [tag] : [...image.tags]
  for (const each of untagged) image.tags.delete(each)
  const removals: { Untagged?: string; Deleted?: string }[] = untagged.map((each) => ({ Untagged: each }))
  if (image.tags.size === 0) {
    call.state.images.delete(image.id)
    removals.push({ Deleted: image.id })
    call.state.emit('image', 'delete', image.id, { name: image.id })
  }
  call.send(200, removals)
}

export const imageRoutes: readonly FakeRoute[] = [
  ['GET', /^\/images\/json$/, list],
  ['GET', /^\/distribution\/(.+)\/json$/, distribution],
  ['POST', /^\/images\/create$/, create],
  ['POST', /^\/images\/load$/, load],
  ['GET', /^\/images\/get$/, save],
  ['GET', /^\/images\/(.+)\/get$/, save],
  ['GET', /^\/images\/(.+)\/json$/, inspect],
  [
    'GET',
    /^\/images\/(.+)\/history$/,
    (call) => call.send(200, [{ ...viewSummary(needImage(call)), CreatedBy: '', Comment: '' }]),
  ],
  ['POST', /^\/images\/(.+)\/tag$/, tagImage],
  ['DELETE', /^\/images\/(.+)$/, remove],
]
