import { makeDictionary } from '../compose/model/dictionary.ts'
import type { Dictionary } from '../compose/model/dictionary.ts'
import type { Project } from '../compose/model/project.ts'
import type { Network, Volume } from '../compose/model/resource.ts'
import type { Dependency, Service } from '../compose/model/service.ts'
import type { Observed, ObservedImage } from '../compose/plan/observed.ts'

/** A service on the default network, image `busybox`, with what the test says over it. */
export function service(name: string, extra: Partial<Service> = {}): Service {
  const networks = extra.network_mode === undefined ? { networks: dictionary({ default: null }) } : {}
  return { name, image: 'busybox', ...networks, ...extra }
}

/** A project `p`; networks and volumes are keys or definitions, named as loading names them. */
export function project(
  services: readonly Service[],
  extra: {
    readonly networks?: Readonly<Record<string, Partial<Network>>>
    readonly volumes?: Readonly<Record<string, Partial<Volume>>>
  } & Partial<Omit<Project, 'networks' | 'volumes'>> = {},
): Project {
  const { networks = { default: {} }, volumes = {}, ...rest } = extra
  const name = rest.name ?? 'p'
  return {
    name,
    services: dictionary(Object.fromEntries(services.map((entry) => [entry.name, entry]))),
    networks: dictionary(mapValues(networks, (value, key) => ({ name: `${name}_${key}`, ...value }))),
    volumes: dictionary(mapValues(volumes, (value, key) => ({ name: `${name}_${key}`, ...value }))),
    secrets: makeDictionary(),
    configs: makeDictionary(),
    models: makeDictionary(),
    disabledServices: makeDictionary(),
    workingDir: '/project',
    composeFiles: ['/project/compose.yaml'],
    environmentFiles: [],
    environment: makeDictionary(),
    profiles: [],
    ...rest,
  }
}

/** `depends_on` with the default condition or the ones given. */
export function dependsOn(
  ...entries: readonly (string | (Partial<Dependency> & { readonly on: string }))[]
): Dictionary<Dependency> {
  return dictionary(
    Object.fromEntries(
      entries.map((entry) => {
        if (typeof entry === 'string') return [entry, { condition: 'service_started', required: true }]
        const { on, ...rest } = entry
        return [on, { condition: 'service_started', required: true, ...rest }]
      }),
    ),
  )
}

/** An engine without anything but images. */
export function emptyEngine(images: readonly string[] = ['busybox']): Observed {
  return {
    containers: [],
    networks: [],
    volumes: [],
    images: dictionary(Object.fromEntries(images.map((name, index) => [name, image(`sha256:${name}${index}`)]))),
  }
}

export function image(id: string, volumes: readonly string[] = []): ObservedImage {
  return { id, ids: [id], digests: [], volumes }
}

/** The values as a dictionary without prototype. */
export function dictionary<T>(values: Readonly<Record<string, T>>): Dictionary<T> {
  return makeDictionary(Object.entries(values))
}

function mapValues<T, R>(
  values: Readonly<Record<string, T>>,
  map: (value: T, key: string) => R,
): Readonly<Record<string, R>> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value, key)]))
}
