/** What is done about a difference. */
export type Treatment =
  /** Said another way. */
  | 'translated'
  /** Left out; the client is warned. */
  | 'warned'
  /** Doing without would do something else than was asked: refused. */
  | 'refused'
  /** Put back into replies. */
  | 'restored'

/** A documented difference between API versions that the bridge treats. */
export interface Difference {
  /** The version that made the difference. */
  readonly version: string
  readonly field: string
  /** `older`: the engine is older than the client; `newer`: the engine's minimum is above the client. */
  readonly engine: 'older' | 'newer'
  readonly treatment: Treatment
  readonly source: string
}

const history = 'moby docs/api/version-history.md'
const routes = 'moby api/server/router/container/container_routes.go'

/**
 * All differences that are treated; everything else passes untouched, and engines skip fields they do not know. Tests
 * go through this list.
 */
export const differences: readonly Difference[] = [
  { version: '1.25', field: 'HostConfig.AutoRemove', engine: 'newer', treatment: 'translated', source: routes },
  { version: '1.40', field: 'HostConfig.IpcMode', engine: 'newer', treatment: 'translated', source: routes },
  { version: '1.42', field: 'Mounts[].VolumeOptions', engine: 'newer', treatment: 'translated', source: routes },
  { version: '1.42', field: 'volumes/prune filter all', engine: 'newer', treatment: 'translated', source: history },
  { version: '1.42', field: 'volumes/prune filter all', engine: 'older', treatment: 'translated', source: history },
  { version: '1.43', field: 'HostConfig.Annotations', engine: 'older', treatment: 'warned', source: history },
  { version: '1.44', field: 'Mounts[].ReadOnly', engine: 'newer', treatment: 'translated', source: history },
  { version: '1.44', field: 'ReadOnlyForceRecursive', engine: 'older', treatment: 'refused', source: history },
  { version: '1.44', field: 'Config.MacAddress', engine: 'newer', treatment: 'translated', source: history },
  { version: '1.44', field: 'EndpointsConfig.MacAddress', engine: 'older', treatment: 'translated', source: history },
  { version: '1.44', field: 'EndpointsConfig', engine: 'older', treatment: 'translated', source: history },
  { version: '1.44', field: 'Healthcheck.StartInterval', engine: 'older', treatment: 'warned', source: history },
  { version: '1.44', field: 'CheckDuplicate', engine: 'older', treatment: 'translated', source: history },
  { version: '1.44', field: 'image VirtualSize', engine: 'newer', treatment: 'restored', source: history },
  { version: '1.44', field: 'inspect Config.MacAddress', engine: 'newer', treatment: 'restored', source: history },
  { version: '1.45', field: 'VolumeOptions.Subpath', engine: 'older', treatment: 'refused', source: history },
  { version: '1.46', field: 'TmpfsOptions.Options', engine: 'older', treatment: 'warned', source: history },
  { version: '1.48', field: 'Mounts[].ImageOptions', engine: 'older', treatment: 'refused', source: history },
  { version: '1.48', field: 'EndpointsConfig.GwPriority', engine: 'older', treatment: 'warned', source: history },
  { version: '1.48', field: 'EnableIPv4', engine: 'older', treatment: 'refused', source: history },
  { version: '1.52', field: 'inspect NetworkSettings', engine: 'newer', treatment: 'restored', source: history },
]
