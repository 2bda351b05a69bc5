import { Buffer } from 'node:buffer'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { createContainer, inspectContainer, removeContainer, startContainer } from '../../engine/api/containers.ts'
import { importImage, inspectImage, pullImage } from '../../engine/api/images.ts'
import { engineInfo } from '../../engine/api/system.ts'
import type { Engine } from '../../engine/engine.ts'
import { makeDemultiplexer } from '../../engine/stdcopy.ts'
import type { SwarmOptions } from '../host.ts'
import { defaultSwarmImage, listSwarmContainers, specLabel, toCreateBody } from './container-specs.ts'
import type { SwarmContainer, SwarmPlace } from './container-specs.ts'
import { findOwnImage } from './own-image.ts'

export interface SwarmContext {
  readonly clock: Clock
  readonly log: Log
}

/**
 * Makes the containers of a classic swarm what the options say. What is there already and made from the same options is only
 * started; anything else of their names is replaced, the ancestor's containers too.
 *
 * @throws {engine/unreachable} and whatever the engine refuses
 */
export async function runSwarmContainers(
  engine: Engine,
  swarm: SwarmOptions,
  place: SwarmPlace,
  ctx: SwarmContext,
  o: CallOptions,
): Promise<void> {
  const containers = listSwarmContainers(swarm, place)
  if (!swarm.IsSwarm) return
  ctx.log.info('Configuring swarm...')
  if (containers.length === 0) {
    ctx.log.info(`no agent is needed: ${swarm.Discovery} is a list that the machine has to be in`)
    return
  }
  const image =
    swarm.Image === defaultSwarmImage || swarm.Image === ''
      ? await bringOwn(engine, ctx, o)
      : await bring(engine, swarm.Image, o)
  for (const container of containers) await runContainer(engine, container, image, o)
}

/** The image of this program, imported where it is not there yet. */
async function bringOwn(engine: Engine, ctx: SwarmContext, o: CallOptions): Promise<string> {
  const own = await findOwnImage(ctx.clock)
  const name = `${own.reference.repo}:${own.reference.tag}`
  if (await hasImage(engine, name, o)) return name
  const info = await engineInfo(engine, o)
  if (info.OSType !== 'linux' || (info.Architecture !== own.machine && info.Architecture !== '')) {
    throw new FlotillaError(
      'machine/provision',
      `the machine is ${info.OSType}/${info.Architecture} and cannot run this program, which is linux/${own.machine}`,
      { hint: 'name an image for it with --swarm-image' },
    )
  }
  ctx.log.info(`Copying image ${name} to the machine...`)
  const query = { ...own.reference, changes: own.changes, message: 'flotilla' }
  await finish(await importImage(engine, query, own.open(), o))
  return name
}

async function bring(engine: Engine, image: string, o: CallOptions): Promise<string> {
  if (await hasImage(engine, image, o)) return image
  const match = /^(.*?)(?::([\w][\w.-]*))?$/.exec(image)
  const isDigest = image.includes('@')
  const fromImage = isDigest ? image : (match?.[1] ?? image)
  await finish(await pullImage(engine, isDigest ? { fromImage } : { fromImage, tag: match?.[2] ?? 'latest' }, o))
  return image
}

async function hasImage(engine: Engine, name: string, o: CallOptions): Promise<boolean> {
  try {
    await inspectImage(engine, name, o)
    return true
  } catch (error) {
    if (isFlotillaError(error) && error.code === 'engine/not-found') return false
    throw error
  }
}

async function finish(documents: AsyncIterable<{ readonly error?: string }>): Promise<void> {
  for await (const { error } of documents) {
    if (error !== undefined && error !== '') throw new FlotillaError('engine/server', error)
  }
}

async function runContainer(engine: Engine, container: SwarmContainer, image: string, o: CallOptions): Promise<void> {
  const body = toCreateBody(container, image)
  const labels = body['Labels'] as Readonly<Record<string, string>>
  const old = await findContainer(engine, container.name, o)
  if (old !== undefined && old.spec === labels[specLabel]) {
    await startContainer(engine, old.id, {}, o)
    return
  }
  if (old !== undefined) await removeContainer(engine, old.id, { force: true, volumes: true }, o)
  try {
    const { Id } = await createContainer(engine, body, { name: container.name }, o)
    await startContainer(engine, Id, {}, o)
  } catch (error) {
    if (!isFlotillaError(error)) throw error
    throw new FlotillaError(error.code, `cannot start container ${container.name}: ${toMessage(error)}`, {
      cause: error,
    })
  }
}

async function findContainer(
  engine: Engine,
  name: string,
  o: CallOptions,
): Promise<{ readonly id: string; readonly spec: string | undefined } | undefined> {
  try {
    const found = await inspectContainer(engine, name, {}, o)
    return { id: found.Id, spec: found.Config?.Labels?.[specLabel] }
  } catch (error) {
    if (isFlotillaError(error) && error.code === 'engine/not-found') return undefined
    throw error
  }
}

/** The last lines of a container, for the message when it does not do what it is for. */
export async function readLastLines(engine: Engine, name: string, o: CallOptions): Promise<string> {
  try {
    const reply = await engine.request(
      { method: 'GET', path: `/containers/${name}/logs`, query: { stdout: true, stderr: true, tail: 5 } },
      { ...o, deadlineMs: 5000 },
    )
    const chunks = makeDemultiplexer().push(await reply.bytes())
    return Buffer.concat(chunks.map((chunk) => chunk.data))
      .toString('utf8')
      .trim()
  } catch {
    return ''
  }
}
