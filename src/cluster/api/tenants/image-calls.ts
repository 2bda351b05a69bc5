import { FlotillaError } from '../../../core/errors.ts'
import type { Located } from '../../directory.ts'
import type { ImageView } from '../../model.ts'
import { bindImage, findContainer, ownLabels } from '../../tenants/create-request.ts'
import { isForeignImageName, isOwnImageName } from '../../tenants/image-names.ts'
import { isFields } from '../../wire.ts'
import { paramsOf } from '../call.ts'
import type { Call } from '../call.ts'
import { changeJson, narrowImageNames } from './replies.ts'
import { forbid, invalid } from './tenant-call.ts'
import type { TenantCall, TenantStep } from './tenant-call.ts'

/** With a reference that means the same to every engine, where there is such an image. */
function bindPath({ call, own }: TenantCall): Call {
  if (own.directory.imageHolders(call.name).length === 0) return call
  const name = bindImage(own, call.name)
  if (name === call.name) return call
  const suffix = call.path.slice(`/images/${call.name}`.length)
  return { ...call, name, path: `/images/${name}${suffix}` }
}

export const readImage: TenantStep = (tenantCall) => tenantCall.run(bindPath(tenantCall))

export const inspectImage: TenantStep = (tenantCall) => {
  const { call, own, run } = tenantCall
  call.exchange.changeReply(changeJson((image) => narrowImageNames(image, own.lens)))
  return run(bindPath(tenantCall))
}

export const saveImages: TenantStep = ({ call, own, run }) => {
  const params = paramsOf(call)
  const names = params.getAll('names')
  params.delete('names')
  for (const name of names) {
    params.append('names', own.directory.imageHolders(name).length === 0 ? name : bindImage(own, name))
  }
  return run({ ...call, query: params.toString() })
}

/** Names that a tenant gives begin with its own. @throws {cluster/forbidden} status 403 */
function checkOwnName({ tenant, own }: TenantCall, name: string): void {
  if (isOwnImageName(own.lens, name)) return
  throw forbid(`tenant ${tenant.name} names images ${tenant.name}/…, not ${name}`)
}

/** The name of `repo` and `tag` parameters; empty: none is given. */
function namedBy(params: URLSearchParams): string {
  const [repository, tag] = [params.get('repo') ?? '', params.get('tag') ?? '']
  return repository === '' || tag === '' ? repository : `${repository}:${tag}`
}

export const tagImage: TenantStep = (tenantCall) => {
  const name = namedBy(paramsOf(tenantCall.call))
  if (name === '') throw invalid('repo is required')
  checkOwnName(tenantCall, name)
  return tenantCall.run(bindPath(tenantCall))
}

export const pushImage: TenantStep = ({ call, own, run }) => {
  if (isForeignImageName(own.lens, call.name)) {
    throw new FlotillaError('cluster/not-found', `No such image: ${call.name}`, { status: 404 })
  }
  return run()
}

/** Images that others may use stay: only what has no name but the tenant's goes. */
export const removeImage: TenantStep = (tenantCall) => {
  const { call, own, whole, tenant, run } = tenantCall
  const seen = own.directory.imageHolders(call.name)
  if (seen.length === 0 || isNameOf(call.name, seen)) {
    if (seen.length === 0 || isOwnImageName(own.lens, call.name)) return run()
    throw forbid(`image ${call.name} is shared: tenant ${tenant.name} removes only images named ${tenant.name}/…`)
  }
  const bound = bindPath(tenantCall)
  const names = whole.cluster.directory.imageHolders(bound.name).flatMap(({ item }) => [...item.repoTags])
  if (names.every((name) => isOwnImageName(own.lens, name))) return run(bound)
  throw forbid(`image ${call.name} is shared: tenant ${tenant.name} removes only images named ${tenant.name}/…`)
}

/** Whether the reference is a name rather than an ID. */
function isNameOf(reference: string, holders: readonly Located<ImageView>[]): boolean {
  const bare = reference.replace(/^sha256:/, '')
  return !holders.some(({ item }) => item.id.replace(/^sha256:/, '').startsWith(bare))
}

/** What is pulled is for all. What is imported gets a name of the tenant's, and its label. */
export const createImage: TenantStep = async (tenantCall) => {
  const { call, own, run } = tenantCall
  const params = paramsOf(call)
  const [image, source] = [params.get('fromImage') ?? '', params.get('fromSrc') ?? '']
  // An engine would pull where the endpoint imports.
  if (image !== '' && source !== '') throw invalid('fromImage and fromSrc exclude each other')
  if (source !== '') {
    const name = namedBy(params)
    if (name !== '') checkOwnName(tenantCall, name)
    addLabel(tenantCall, params)
    return run({ ...call, query: params.toString() })
  }
  if (isForeignImageName(own.lens, image)) {
    const why = "repository does not exist or may require 'docker login'"
    throw new FlotillaError('cluster/not-found', `pull access denied for ${image}, ${why}`, { status: 404 })
  }
  return tenantCall.mayPull() ? run() : undefined
}

export const commitContainer: TenantStep = (tenantCall) => {
  const { call, own, run } = tenantCall
  const params = paramsOf(call)
  findContainer(own, params.get('container') ?? '')
  const name = namedBy(params)
  if (name !== '') checkOwnName(tenantCall, name)
  addLabel(tenantCall, params)
  return run({ ...call, query: params.toString() })
}

/** The last one counts. */
function addLabel({ own }: TenantCall, params: URLSearchParams): void {
  for (const [key, value] of Object.entries(ownLabels(own.lens, {}))) {
    params.append('changes', `LABEL ${JSON.stringify(key)}=${JSON.stringify(value)}`)
  }
}

/** Parameters of BuildKit, and what would bring in what others built. */
const closedParameters = ['buildid', 'session', 'outputs', 'cachefrom'] as const

/**
 * The builder of BuildKit is one for all, with all that it has kept; the classic one can be told to take nothing of it: what
 * a build begins with comes from its registry, and no layer of another build is used again.
 */
export const buildImage: TenantStep = (tenantCall) => {
  const { call, own, tenant, run } = tenantCall
  const params = paramsOf(call)
  if (params.get('version') === '2') {
    throw forbid(
      `builds with BuildKit are not open to tenant ${tenant.name}: its cache is one for all (use DOCKER_BUILDKIT=0)`,
    )
  }
  for (const name of params.getAll('t')) if (name !== '') checkOwnName(tenantCall, name)
  const mode = params.get('networkmode') ?? ''
  if (mode.startsWith('container:')) {
    params.set('networkmode', `container:${findContainer(own, mode.slice('container:'.length)).id}`)
  } else if (!['', 'default', 'bridge', 'none', 'host'].includes(mode)) {
    const found = own.directory.findNetwork(mode)
    if (found.kind !== 'found') {
      throw new FlotillaError('cluster/not-found', `network ${mode} not found`, { status: 404 })
    }
    params.set('networkmode', found.item.id)
  }
  for (const key of closedParameters) params.delete(key)
  for (const key of ['pull', 'nocache', 'forcerm']) params.set(key, '1')
  params.set('labels', JSON.stringify(ownLabels(own.lens, readLabels(params.get('labels') ?? ''))))
  if (!tenantCall.mayPull()) return undefined
  return run({ ...call, query: params.toString() })
}

/** @throws {cluster/invalid-option} status 400 */
function readLabels(text: string): Readonly<Record<string, unknown>> {
  if (text === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    if (value === null) return {}
    if (isFields(value)) return value
  } catch {
    // Worded below.
  }
  throw invalid('labels is not a JSON object')
}
