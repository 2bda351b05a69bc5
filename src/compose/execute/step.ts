import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import type { Progress } from '../../core/progress.ts'
import {
  killContainer,
  pauseContainer,
  renameContainer,
  restartContainer,
  startContainer,
  stopContainer,
  unpauseContainer,
} from '../../engine/api/containers.ts'
import { removeImage } from '../../engine/api/images.ts'
import {
  connectNetwork,
  createNetwork,
  disconnectNetwork,
  listNetworks,
  removeNetwork,
} from '../../engine/api/networks.ts'
import { createVolume, removeVolume } from '../../engine/api/volumes.ts'
import type { Engine } from '../../engine/engine.ts'
import type { BuildHost } from '../build/build-image.ts'
import { mapDictionary } from '../model/dictionary.ts'
import { noMaterials } from '../model/material.ts'
import type { Materials } from '../model/material.ts'
import type { ContainerRef, Step, StepOp } from '../plan/plan.ts'
import { LABEL } from '../plan/label.ts'
import { wantedPlatform } from '../plan/pull-policy.ts'
import { toCreateBody } from '../translate.ts'
import type { NetworkCreateBody } from '../translate.ts'
import { copyFiles } from './copy-files.ts'
import { runHook } from './hook.ts'
import type { HookOutput } from './hook.ts'
import { runInit } from './init.ts'
import { makeContainer } from './make-container.ts'
import { monitorContainer } from './monitor.ts'
import { pull } from './pull.ts'
import { removeWhole } from './remove.ts'
import { waitForContainer } from './wait.ts'
import type { Waker } from './wait.ts'

/** What a step may use while it runs. */
export interface StepContext {
  readonly engine: Engine
  readonly waker: Waker
  readonly clock: Clock
  /** Longest wait for a container's condition; absent: no limit. */
  readonly waitLimitMs?: number
  readonly progress: Progress
  /** Container IDs by the step that made them. */
  readonly made: ReadonlyMap<number, string>
  /** The ready `X-Registry-Auth` value for a reference. */
  readonly registryAuth?: (reference: string) => Promise<string | undefined>
  /** Contents of configs and secrets. */
  readonly materials?: Materials
  readonly hookOutput?: (output: HookOutput) => void
  readonly buildHost?: BuildHost
  readonly onBuilt?: (reference: string, imageId: string) => void
}

/**
 * Makes the one engine call of a step.
 *
 * @returns the ID of the container it made
 */
export async function runStep(step: Step, context: StepContext, o: CallOptions): Promise<string | undefined> {
  const { op } = step
  if (op.kind === 'create-container') return createFrom(op, context, o)
  if (op.kind === 'pull-image') {
    const registryAuth = await context.registryAuth?.(op.reference)
    const target = { ...op, ...(registryAuth !== undefined && { registryAuth }) }
    await pull(context.engine, target, { parentId: step.resource, progress: context.progress }, o)
  } else if (op.kind === 'build-image') {
    if (context.buildHost === undefined) throw new FlotillaError('internal', 'a build needs a build host')
    const { buildImage } = await import('../build/build-image.ts')
    const report = { parentId: step.resource, progress: context.progress }
    const id = await buildImage(context.engine, op.build, context.buildHost, report, o)
    for (const reference of op.build.tags) context.onBuilt?.(reference, id)
  } else if (op.kind === 'push-image') {
    const registryAuth = await context.registryAuth?.(op.reference)
    const { push } = await import('./push.ts')
    const target = { reference: op.reference, ...(registryAuth !== undefined && { registryAuth }) }
    await push(context.engine, target, { parentId: step.resource, progress: context.progress }, o)
  } else if (op.kind === 'delay') {
    await context.clock.sleep(op.ms, o.signal)
  } else if ('container' in op) {
    await runOnContainer(op, context, o)
  } else {
    await runOnResource(op, context.engine, o)
  }
  return undefined
}

/** The ID behind a reference; made containers are known once their step is done. */
export function resolveRef(ref: ContainerRef, made: ReadonlyMap<number, string>): string {
  return ref.kind === 'existing' ? ref.id : (made.get(ref.step) ?? ref.name)
}

async function createFrom(
  op: StepOp & { readonly kind: 'create-container' },
  context: StepContext,
  o: CallOptions,
): Promise<string> {
  const ids = mapDictionary(op.needs, (ref) => resolveRef(ref, context.made))
  const platform = wantedPlatform(op.draft.service, op.draft.project.environment)
  const query = { name: op.name, ...(platform !== undefined && { platform }) }
  const created = await makeContainer(context.engine, { body: toCreateBody(op.draft, ids), query }, context.clock, o)
  // docker/compose pkg/compose/convergence.go: a line of the service.
  for (const text of created.Warnings ?? []) context.progress({ id: op.draft.service.name, status: 'warning', text })
  return created.Id
}

type ContainerOp = Extract<StepOp, { readonly container: ContainerRef }>

async function runOnContainer(op: ContainerOp, context: StepContext, o: CallOptions): Promise<void> {
  const { engine } = context
  const id = resolveRef(op.container, context.made)
  switch (op.kind) {
    case 'start-container':
      return startContainer(engine, id, {}, o)
    case 'stop-container':
      return stopContainer(engine, id, toStopQuery(op), o)
    case 'restart-container':
      return restartContainer(engine, id, toStopQuery(op), o)
    case 'kill-container':
      return endOrSignal(engine, id, op.signal, o)
    case 'pause-container':
      return pauseContainer(engine, id, o)
    case 'unpause-container':
      return unpauseContainer(engine, id, o)
    case 'remove-container':
      return removeWhole(engine, id, { withVolumes: op.withVolumes, clock: context.clock }, o)
    case 'rename-container':
      return rename(engine, id, op.name, o)
    case 'connect-network':
      return connectNetwork(engine, op.network, { Container: id, EndpointConfig: op.endpoint }, o)
    case 'disconnect-network':
      return disconnectNetwork(engine, op.network, { Container: id, Force: true }, o)
    case 'copy-files':
      return copyFiles(
        engine,
        id,
        op.copies,
        { materials: context.materials ?? noMaterials, atMs: context.clock.nowMs() },
        o,
      )
    case 'run-hook':
      return runHook(engine, { ...op, id, name: op.container.name, clock: context.clock }, context, o)
    case 'run-init':
      return runInit(engine, { ...op, id }, context, o)
    case 'wait-container': {
      const { service, condition, isUnpaused = false } = op
      const target = { id, name: op.container.name, service, condition, isUnpaused }
      return waitForContainer(engine, target, context, o)
    }
    case 'monitor-container':
      return monitorContainer(engine, { id, name: op.container.name, monitorMs: op.monitorMs }, context, o)
  }
}

function toStopQuery(op: { readonly timeoutSeconds?: number }): { readonly timeoutSeconds?: number } {
  return op.timeoutSeconds === undefined ? {} : { timeoutSeconds: op.timeoutSeconds }
}

type ResourceOp = Exclude<
  StepOp,
  ContainerOp | { readonly kind: 'create-container' | 'pull-image' | 'build-image' | 'push-image' | 'delay' }
>

async function runOnResource(op: ResourceOp, engine: Engine, o: CallOptions): Promise<void> {
  switch (op.kind) {
    case 'create-network':
      return makeNetwork(engine, op.body, o)
    case 'remove-network':
      return removeNetwork(engine, op.id, o)
    case 'create-volume':
      await createVolume(engine, op.body, o)
      return
    case 'remove-volume':
      return removeVolume(engine, op.name, {}, o)
    case 'remove-image':
      await removeImage(engine, op.reference, {}, o)
  }
}

/** What has ended by itself in the meantime is as whoever kills it wants it; another signal has not been taken. */
async function endOrSignal(engine: Engine, id: string, signal: string, o: CallOptions): Promise<void> {
  try {
    await killContainer(engine, id, { signal }, o)
  } catch (error) {
    const hasEnded = isFlotillaError(error) && error.status === 409 && /is not running/.test(error.message)
    if (!hasEnded || !/^(?:SIG)?KILL$/i.test(signal)) throw error
  }
}

/** The engine may have gone on with what a run asked for that was cut short: then it has its name, as wanted. */
async function rename(engine: Engine, id: string, name: string, o: CallOptions): Promise<void> {
  try {
    await renameContainer(engine, id, name, o)
  } catch (error) {
    if (!isFlotillaError(error) || !/same name as its current name/.test(error.message)) throw error
  }
}

/** Another process may have made the same network in the meantime: then it is there, as wanted. */
async function makeNetwork(engine: Engine, body: NetworkCreateBody, o: CallOptions): Promise<void> {
  try {
    await createNetwork(engine, body, o)
  } catch (error) {
    if (!isFlotillaError(error) || error.status !== 409) throw error
    const listed = await listNetworks(engine, { filters: { name: [body.Name] } }, o)
    const isSame = listed.some(
      ({ Name: name, Labels: labels }) =>
        name === body.Name && labels?.[LABEL.configHash] === body.Labels[LABEL.configHash],
    )
    if (!isSame) throw error
  }
}
