import type * as api from '../../engine/api/types.ts'
import type * as resource from '../../engine/api/types-resource.ts'

/**
 * Bodies of the Engine API's create calls. The types are the engine client's, with what a project always
 * sets made certain.
 */

export type { ContainerResources as ResourcesBody } from '../../engine/api/types.ts'
export type { DeviceRequest as DeviceRequestBody } from '../../engine/api/types.ts'
export type { HealthConfig as Healthconfig } from '../../engine/api/types.ts'
export type { HostConfig as HostConfigBody } from '../../engine/api/types.ts'
export type { EndpointSettings, Mount as MountBody, PortBinding, RestartPolicy } from '../../engine/api/types.ts'

type Labels = Readonly<Record<string, string>>

export interface ContainerCreateBody extends api.ContainerCreateBody {
  readonly Image: string
  readonly Labels: Labels
  readonly HostConfig: api.HostConfig
  /** For a Flotilla endpoint: networks that it is not on, whose node it should come to; engines do not read it. */
  readonly Flotilla?: { readonly Networks: readonly string[] }
}

export interface NetworkCreateBody extends resource.NetworkCreateBody {
  readonly Labels: Labels
  /** For a Flotilla endpoint, which chooses the node of the network by it; engines do not read it. */
  readonly Flotilla?: { readonly Container: NetworkGuests }
}

/** The containers of a network as if they were one, in the words of a create call: conditions, data, room. */
export interface NetworkGuests {
  readonly Env: readonly string[]
  readonly HostConfig: Pick<api.HostConfig, 'Binds' | 'VolumesFrom' | 'PortBindings' | 'NanoCpus' | 'Memory'>
  readonly Labels?: Labels
  /** Networks that are there already. */
  readonly NetworkingConfig: { readonly EndpointsConfig: Readonly<Record<string, api.EndpointSettings>> }
}

export interface VolumeCreateBody extends resource.VolumeCreateBody {
  readonly Name: string
  readonly Labels: Labels
}
