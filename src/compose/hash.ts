import { createHash } from 'node:crypto'
import { networkStruct, volumeStruct } from './model/field/resource.ts'
import { serviceStruct } from './model/field/service.ts'
import type { Struct } from './model/field/kind.ts'
import { renderJson } from './model/render/json.ts'
import { renderStruct } from './model/render/struct.ts'
import type { Network, Volume } from './model/resource.ts'
import type { Service } from './model/service.ts'

/**
 * The `com.docker.compose.config-hash` of containers, networks and volumes, bit for bit what docker-compose
 * 2.40 computes: a project can go back and forth between the programs without being recreated.
 *
 * The service must be resolved: env files merged, `service:` references of namespaces and `volumes_from`
 * replaced by containers, the command line's scale not applied.
 */
export function hashService(service: Service): string {
  return digest(describeService(service))
}

/**
 * The hash as earlier releases of docker-compose 2 took it (seen with 2.26.1), over `depends_on` and
 * `profiles` too. A container that carries it is of the same definition and need not be replaced.
 */
export function hashServiceAsBefore(service: Service): string {
  const { depends_on: dependencies, profiles } = service
  const kept = {
    ...(dependencies !== undefined && { depends_on: dependencies }),
    ...(profiles !== undefined && { profiles }),
  }
  return digest(describe(serviceStruct, { ...toHashed(service), ...kept }))
}

/**
 * The hash as docker-compose 5 takes it (compose-go 2.10 and later): whether the engine makes the folder of a bind is
 * said only where it is not to, in place of where it is.
 */
export function hashServiceAsAfter(service: Service): string {
  const { volumes } = service
  if (volumes?.some(({ bind }) => bind !== undefined) !== true) return hashService(service)
  // What is false is left out by the rules of 2.40: it is written as its opposite, and turned in the text. Inside of texts
  // the quotes would be escaped.
  const turned = volumes.map((mount) => {
    if (mount.bind === undefined) return mount
    const { create_host_path: isMade, ...bind } = mount.bind
    return { ...mount, bind: { ...bind, ...(isMade === false && { create_host_path: true }) } }
  })
  const text = describeService({ ...service, volumes: turned })
  return digest(text.replaceAll(/(?<=[{,])"create_host_path":true/g, '"create_host_path":false'))
}

/** The hash over the labels alone and not where they were read, for services with `label_file`. */
export function hashServiceWithoutLabelFile(service: Service): string {
  const { label_file: _, ...rest } = service
  return hashService(rest)
}

/** The text the hash is taken of; two of them side by side show which field changed. */
export function describeService(service: Service): string {
  return describe(serviceStruct, toHashed(service))
}

function toHashed(service: Service): object {
  const { deploy } = service
  const kept = Object.fromEntries(Object.entries(service).filter(([key]) => !leftOut.has(key)))
  return deploy === undefined ? kept : { ...kept, deploy: { ...deploy, replicas: undefined } }
}

/** Fields that do not change what a container is. */
const leftOut: ReadonlySet<string> = new Set(['build', 'pull_policy', 'scale', 'depends_on', 'profiles'])

/** `ipam.options` takes no part: 2.40 reads files that have it, as those of format 2.1, and knows nothing of it. */
export function hashNetwork(network: Network): string {
  return hashNetworkWithOptions({
    ...network,
    ...(network.ipam !== undefined && { ipam: withoutOptions(network.ipam) }),
  })
}

/** The hash as docker-compose 5 takes it, over `ipam.options` too. */
export function hashNetworkWithOptions(network: Network): string {
  return digest(describe(networkStruct, network))
}

function withoutOptions(ipam: NonNullable<Network['ipam']>): NonNullable<Network['ipam']> {
  return Object.fromEntries(Object.entries(ipam).filter(([key]) => key !== 'options'))
}

/** The driver counts as `local` when none is given. */
export function hashVolume(volume: Volume): string {
  return digest(
    describe(volumeStruct, {
      ...volume,
      driver: volume.driver === undefined || volume.driver === '' ? 'local' : volume.driver,
    }),
  )
}

function describe(struct: Struct, value: object): string {
  return renderJson(renderStruct(struct, value as Readonly<Record<string, unknown>>, 'json'))
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
