import { FlotillaError, isFlotillaError } from '../../../core/errors.ts'
import { checkCreateTypes } from '../../create-types.ts'
import type { Member } from '../../member.ts'
import { bindCreate, findContainer, toCopyBody } from '../../tenants/create-request.ts'
import { keyOf, toUse } from '../../tenants/quota.ts'
import { isFields, readNumber, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { createNames, foldNames, updateNames } from '../body-names.ts'
import { giveTurn } from '../body-json.ts'
import { paramsOf, readJsonBody } from '../call.ts'
import { rememberExec } from '../handlers/exec.ts'
import { makeOwnVolume } from './volume-calls.ts'
import { checkName, forbid, invalid, replaceBody } from './tenant-call.ts'
import type { TenantCall, TenantStep } from './tenant-call.ts'

/**
 * A create, bound to what is the tenant's. Volumes that it names are made first, with the tenant's label, on the node that
 * gets the container: its data keeps it there, as everybody's does.
 */
export const create: TenantStep = async (tenantCall) => {
  const { call, own, run } = tenantCall
  checkName(paramsOf(call).get('name') ?? '')
  const body = foldNames(await readJsonBody(call), createNames)
  checkCreateTypes(body)
  const bound = bindCreate(own, body)
  const image = readText(body, 'Image')
  // Where nobody has it, it is pulled.
  if (image !== '' && own.directory.imageHolders(image).length === 0 && !tenantCall.mayPull()) return
  replaceBody(tenantCall, bound.body)
  await giveTurn(await call.exchange.readBody())
  const beforeMake = async ({ addr }: Member): Promise<void> => {
    for (const volume of bound.volumes) await makeThere(tenantCall, volume, addr)
  }
  await hideHolder(paramsOf(call).get('name') ?? '', run({ ...call, beforeMake }))
}

async function makeThere(tenantCall: TenantCall, volume: Fields, addr: string): Promise<void> {
  const { own } = tenantCall
  const name = readText(volume, 'Name')
  if (own.directory.volumeHolders(name).some(({ node }) => node.addr === addr)) return
  await makeOwnVolume(tenantCall, { ...toCopyBody(own, volume), Name: `${addr}/${name}` })
}

export const rename: TenantStep = (tenantCall) => {
  const name = paramsOf(tenantCall.call).get('name') ?? ''
  checkName(name)
  return hideHolder(name, tenantCall.run())
}

/** Engines name the container that has a name; whose it is, and what its ID is, is nobody's business. */
async function hideHolder(name: string, made: void | Promise<void>): Promise<void> {
  try {
    await made
  } catch (error) {
    if (!isFlotillaError(error) || !/is already in use by container/.test(error.message)) throw error
    const bare = name.replace(/^\//, '')
    const rest = `You have to delete (or rename) that container to be able to assign ${bare} to a container again.`
    const message = `Conflict: The name ${bare} is already assigned. ${rest}`
    throw new FlotillaError('cluster/conflict', message, { status: 409, cause: error })
  }
}

/** What a container may use is counted anew, until its engine tells. */
export const update: TenantStep = async (tenantCall) => {
  const { api, call, own, ledger, tenant, run } = tenantCall
  const { quota } = tenant
  const container = findContainer(own, call.name)
  const body = foldNames(await readJsonBody(call), updateNames)
  replaceBody(tenantCall, body)
  const before = toUse(container)
  const nanoCpus = quota.cpus === undefined ? before.nanoCpus : (readCpus(body, tenant.name) ?? before.nanoCpus)
  const memory = readNumber(body, 'Memory')
  if (memory < 0) throw invalid('Memory must not be below 0')
  const use = { ...before, nanoCpus, memoryBytes: memory > 0 ? memory : before.memoryBytes }
  const entry = ledger.takeContainer(quota, keyOf(container), use)
  call.exchange.onEnd(() => {
    void Promise.resolve(api.cluster.settled()).then(() => entry.end())
  })
  try {
    await run()
  } catch (error) {
    entry.end()
    throw error
  }
}

/** CPUs that an update grants; undefined when it says nothing of them. */
function readCpus(body: Fields, tenant: string): number | undefined {
  const nano = readNumber(body, 'NanoCpus')
  if (nano > 0) return nano
  const quota = readNumber(body, 'CpuQuota')
  const period = readNumber(body, 'CpuPeriod')
  if (quota > 0) return Math.trunc((quota * 1e9) / (period || 100_000))
  if (quota === 0 && period === 0 && nano === 0) return undefined
  throw forbid(`tenant ${tenant} has a quota of cpus, so an update has to say how many a container may use (--cpus)`)
}

export const start: TenantStep = ({ call, run }) => {
  const params = paramsOf(call)
  if (params.has('checkpoint') || params.has('checkpoint-dir')) throw forbid('checkpoints are not open to tenants')
  return run()
}

export const remove: TenantStep = ({ call, run }) => {
  if (call.name.includes('/checkpoints/')) throw forbid('checkpoints are not open to tenants')
  return run()
}

/**
 * An exec belongs to the owner of its container. Those that were made here are known; of others the engines are asked.
 */
export const exec: TenantStep = async (tenantCall) => {
  const { api, call, own, run } = tenantCall
  const { name } = call
  if (!api.execs.has(name)) {
    const addr = /^[0-9a-f]{64}$/.test(name) ? await findOwnExec(tenantCall, name) : undefined
    if (addr === undefined || own.directory.node(addr) === undefined) {
      throw new FlotillaError('cluster/not-found', `Exec ID ${name} not found`, { status: 404 })
    }
    rememberExec(api.execs, name, addr)
  }
  return run()
}

export const execStream: TenantStep = (tenantCall) => {
  const { exchange } = tenantCall.call
  return exec({
    ...tenantCall,
    run: () => (exchange.isGone || !tenantCall.mayStream() ? undefined : tenantCall.run()),
  })
}

const execMs = 5000

async function findOwnExec({ api, own }: TenantCall, id: string): Promise<string | undefined> {
  const answers = await Promise.all(
    api.cluster.healthyMembers().map(async (member) => {
      try {
        const request = { method: 'GET', path: `/exec/${id}/json` } as const
        const told = await (await member.engine.request(request, { deadlineMs: execMs })).json<unknown>()
        const container = isFields(told) ? readText(told, 'ContainerID') : ''
        return own.directory.findContainerById(container).kind === 'found' ? member.addr : undefined
      } catch {
        return undefined
      }
    }),
  )
  return answers.find((addr) => addr !== undefined)
}
