import { FlotillaError } from '../../core/errors.ts'
import type { Dictionary } from '../model/dictionary.ts'
import type { Service } from '../model/service.ts'

/** Services whose container a service of this shape refers to by ID. Sorted, without repeats. */
export function referencedServices(service: Service): readonly string[] {
  const modes = [service.network_mode, service.ipc, service.pid].map((mode) => serviceOf(mode))
  const volumes = (service.volumes_from ?? []).map((entry) => {
    const name = entry.split(':')[0] ?? ''
    return name === 'container' ? undefined : name
  })
  return [...new Set([...modes, ...volumes].filter((name) => name !== undefined))].sort()
}

/** Those of them without whose container it cannot run: all but where it only has its volumes from. */
export function hostServices(service: Service): readonly string[] {
  return referencedServices({ ...service, volumes_from: [] })
}

/**
 * Replaces `service:x` by the container it means. The hash is taken of the result, so the form is the
 * reference program's (docker/compose pkg/compose/convergence.go): the mode of `volumes_from` is dropped.
 *
 * @throws {compose/plan} when a referenced service has no container
 */
export function resolveReferences(service: Service, ids: Dictionary<string>): Service {
  if (referencedServices(service).length === 0 && service.volumes_from === undefined) return service
  const mode = (value: string | undefined): string | undefined => {
    const name = serviceOf(value)
    return name === undefined ? value : `container:${idOf(service, name, ids)}`
  }
  const network = mode(service.network_mode)
  const ipc = mode(service.ipc)
  const pid = mode(service.pid)
  const volumes = service.volumes_from?.map((entry) => {
    const [first = '', second = ''] = entry.split(':')
    return first === 'container' ? second : idOf(service, first, ids)
  })
  return {
    ...service,
    ...(network !== undefined && { network_mode: network }),
    ...(ipc !== undefined && { ipc }),
    ...(pid !== undefined && { pid }),
    ...(volumes !== undefined && { volumes_from: volumes }),
  }
}

/** `volumes_from` for the engine: container and mode. */
export function toVolumesFrom(service: Service, ids: Dictionary<string>): readonly string[] {
  return (service.volumes_from ?? []).map((entry) => {
    const [first = '', second, third] = entry.split(':')
    const [container, mode] = first === 'container' ? [second ?? '', third] : [idOf(service, first, ids), second]
    return mode === undefined ? container : `${container}:${mode}`
  })
}

function serviceOf(mode: string | undefined): string | undefined {
  return mode?.startsWith('service:') === true ? mode.slice('service:'.length) : undefined
}

function idOf(service: Service, name: string, ids: Dictionary<string>): string {
  const id = ids[name]
  if (id === undefined) throw missingReference(service, name)
  return id
}

/** What a service whose partner has no container is told, in the reference program's words. */
export function missingReference(service: Service, name: string): FlotillaError {
  return new FlotillaError(
    'compose/plan',
    `cannot share namespace or volumes with service ${name}: container missing`,
    { hint: `service "${service.name}" refers to "${name}", which has no container` },
  )
}
