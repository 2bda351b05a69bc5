/**
 * `flotilla/engine`: the Docker Engine API client, for one engine or for a Flotilla endpoint over many.
 *
 * @example
 * const { endpoint } = await endpointFromEnvironment(process.env)
 * const engine = openEngine(endpoint, { clock: systemClock, userAgent: 'my-tool/1.0' })
 * for (const container of await listContainers(engine, { all: true })) console.log(container.Names)
 * await engine.close()
 */
export { openEngine } from './client.ts'
export type { EngineOptions } from './client.ts'
export type { Endpoint, TlsMaterial } from './endpoint.ts'
export { parseEndpoint, renderEndpoint } from './endpoint-parse.ts'
export { endpointFromEnvironment } from './environment.ts'
export type { ChosenEngine, EngineChoice } from './environment.ts'
export type { Engine, EngineReply, EngineRequest, Hijacked, OnRead, QueryValue, ReadOutcome } from './engine.ts'
export { isEngineDown } from './errors.ts'
export { demultiplex, toOutput } from './streams.ts'
export type { AttachedStream, OutputChunk } from './streams.ts'

export { getArchive, headArchive, putArchive } from './api/archive.ts'
export type { PathStat } from './api/archive.ts'
export {
  containerStats,
  createContainer,
  inspectContainer,
  killContainer,
  listContainers,
  pauseContainer,
  pruneContainers,
  removeContainer,
  renameContainer,
  restartContainer,
  startContainer,
  stopContainer,
  topContainer,
  unpauseContainer,
  updateContainer,
  waitContainer,
} from './api/containers.ts'
export { watchEvents } from './api/events.ts'
export { createExec, inspectExec, resizeExec, startExec, startExecDetached } from './api/exec.ts'
export {
  imageHistory,
  importImage,
  inspectImage,
  listImages,
  loadImages,
  pullImage,
  removeImage,
  saveImages,
  tagImage,
} from './api/images.ts'
export {
  connectNetwork,
  createNetwork,
  disconnectNetwork,
  inspectNetwork,
  listNetworks,
  removeNetwork,
} from './api/networks.ts'
export { attachContainer, containerLogs, resizeContainer } from './api/streams.ts'
export { engineInfo, engineVersion, ping } from './api/system.ts'
export { createVolume, inspectVolume, listVolumes, removeVolume } from './api/volumes.ts'
// The API's own JSON, with the API's own names.
export type * from './api/types.ts'
export type * from './api/types-resource.ts'

export { FlotillaError, isFlotillaError, toMessage } from '../core/errors.ts'
export type { ErrorCode, ErrorDetail } from '../core/errors.ts'
export type { CallOptions } from '../core/call.ts'
export type { Clock } from '../core/clock.ts'
export { systemClock } from '../io/clock.ts'
