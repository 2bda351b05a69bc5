import { FlotillaError } from '../../core/errors.ts'
import type { Service } from '../model/service.ts'
import type { ContainerCreateBody, PortBinding } from './body.ts'

/** Ports the container declares: those of `expose` and those it publishes. */
export function toExposedPorts(service: Service): NonNullable<ContainerCreateBody['ExposedPorts']> {
  const exposed: Record<string, Readonly<Record<string, never>>> = {}
  for (const text of service.expose ?? []) for (const port of expandExposed(text)) exposed[port] = {}
  for (const port of service.ports ?? []) exposed[`${port.target}/${port.protocol ?? 'tcp'}`] = {}
  return exposed
}

/** Host side of the published ports; a range stays a range, the engine chooses from it. */
export function toPortBindings(service: Service): Readonly<Record<string, readonly PortBinding[]>> {
  const bindings: Record<string, PortBinding[]> = {}
  for (const port of service.ports ?? []) {
    const binding: PortBinding = {
      ...(port.host_ip !== undefined && port.host_ip !== '' && { HostIp: port.host_ip }),
      ...(port.published !== undefined && port.published !== '' && { HostPort: port.published }),
    }
    const key = `${port.target}/${port.protocol ?? 'tcp'}`
    const list = bindings[key]
    if (list === undefined) bindings[key] = [binding]
    else list.push(binding)
  }
  return bindings
}

function expandExposed(text: string): readonly string[] {
  const match = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(text)
  const first = Number(match?.[1])
  const last = Number(match?.[2] ?? match?.[1])
  if (match === null || first > last || last > 65_535) {
    throw new FlotillaError('compose/invalid', `invalid containerPort: ${text}`)
  }
  const protocol = match[3] ?? 'tcp'
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`)
}
