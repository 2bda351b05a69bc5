import { describe, expect, it } from 'vitest'
import { loadProjectNow } from './load/load-now.ts'
import { materialKey } from './model/material.ts'
import type { Materials } from './model/material.ts'
import { makeDictionary } from './model/dictionary.ts'
import type { Kind, Struct } from './model/field/kind.ts'
import { serviceStruct } from './model/field/service.ts'
import type { Project } from './model/project.ts'
import type { Service } from './model/service.ts'
import { toCreateBody } from './translate.ts'
import type { ContainerCreateBody } from './translate.ts'
import { deliverFiles } from './translate/file.ts'
import { fieldsFiles, fieldsProject, serviceFields as rows } from '../../test/fixtures/service-fields.ts'

/** Every field a service can have, from the text of a file to the engine's create call: exactly what it adds there. */

/** Known to the reference program's types and hash, and no field of the specification. */
const legacy = new Set(['dockerfile', 'log_driver', 'log_opt', 'net', 'volume_driver'])

/** Shapes the reference program's types share between limits and reservations, and the specification does not. */
const shared = /^deploy\.resources\.(?:limits\.(?:devices|generic_resources)|reservations\.pids)/

/** Gone once a project is loaded. */
const dissolved = new Set(['env_file', 'env_file.path'])

function load(yaml: string): Project {
  const files = new Map(Object.entries(fieldsFiles).map(([name, text]) => [`/p/${name}`, text]))
  return loadProjectNow(
    {
      files: [{ path: '/p/compose.yaml', text: fieldsProject([['web', yaml]]) }],
      workingDir: '/p',
      environment: makeDictionary(),
      projectName: 'p',
    },
    {
      profiles: ['p'],
      files: {
        readText: (path) => files.get(path),
        kindOf: (path) => (files.has(path) ? 'file' : 'missing'),
        resolveLinks: (path) => path,
      },
    },
  )
}

const materials: Materials = {
  isRemote: false,
  entries: new Map([
    [materialKey('secret', 'key'), { content: Buffer.from('k') }],
    [materialKey('config', 'app'), { content: Buffer.from('{"a": 1}') }],
    [
      materialKey('seccomp', '/p/profile.json'),
      { content: Buffer.from('{ "defaultAction": "SCMP_ACT_ALLOW", "x": [18446744073709551615, 2.0, "<&>"] }') },
    ],
  ]),
}

function create(project: Project): ContainerCreateBody {
  const service = project.services['web']!
  const linked = service.links !== undefined || service.external_links !== undefined
  return toCreateBody(
    {
      project,
      service,
      number: 1,
      imageId: 'sha256:1',
      inherited: [],
      links: linked ? ['given:link'] : [],
      placementHints: [],
      files: deliverFiles(project, service, materials),
      separator: '-',
      apiVersion: '1.51',
    },
    makeDictionary([['db', 'idofdb']]),
  )
}

/** What stands in `made` and not, or not so, in `bare`. */
function difference(made: object, bare: object): object {
  const before = new Map(Object.entries(bare))
  const changed = Object.entries(made).filter(
    ([key, value]) => JSON.stringify(before.get(key)) !== JSON.stringify(value),
  )
  return Object.fromEntries(changed)
}

function isOurLabel(key: string): boolean {
  return key.startsWith('com.docker.compose.') || key.startsWith('flotilla.')
}

describe('a field of a service', () => {
  const bare = create(load('scale: 1'))

  it.each(Object.entries(rows))(
    '%s is in the create call as the engine wants it, and changes nothing else',
    (_, row) => {
      const made = create(load(row.yaml))
      const { Labels: labels, HostConfig: host, NetworkingConfig: network, ...body } = made
      const { Labels: _labels, HostConfig: bareHost, NetworkingConfig: bareNetwork, ...bareBody } = bare
      const own = Object.fromEntries(Object.entries(labels).filter(([key]) => !isOurLabel(key)))
      const { Labels: wantedLabels = {}, ...wantedBody } = (row.body ?? {}) as { readonly Labels?: object }
      const isImageless = row.yaml.startsWith('provider')
      const compared = isImageless ? { ...body, Image: bareBody.Image } : body
      expect(difference(compared, bareBody)).toEqual(wantedBody)
      expect(own).toEqual(wantedLabels)
      expect(difference(host, bareHost)).toEqual(
        row.yaml.startsWith('provider') ? { NetworkMode: 'none' } : (row.host ?? {}),
      )
      const endpoint = Object.values(network?.EndpointsConfig ?? {})[0]
      if (endpoint === undefined) return
      const bareEndpoint = Object.values(bareNetwork?.EndpointsConfig ?? {})[0] ?? {}
      expect(difference(endpoint, bareEndpoint)).toEqual(row.endpoint ?? {})
    },
  )

  it('that adds nothing to the call has a reason', () => {
    for (const [name, { body, host, endpoint, elsewhere }] of Object.entries(rows)) {
      expect([name, (body ?? host ?? endpoint) === undefined]).toEqual([name, elsewhere !== undefined])
    }
  })

  it('has a row here, and so has every field below it', () => {
    const seen = new Set<string>()
    for (const row of Object.values(rows)) {
      const services: readonly (Service | undefined)[] = [load(row.yaml).services['web']]
      for (const service of services) collect(service, serviceStruct, '', seen)
    }
    const missing = [...pathsOf(serviceStruct, '')].filter(
      (path) => !seen.has(path) && !shared.test(path) && !legacy.has(path) && !dissolved.has(path),
    )
    expect(missing).toEqual([])
  })
})

function* pathsOf(struct: Struct, before: string): Generator<string, void> {
  for (const [name, kind] of struct.fields) {
    yield `${before}${name}`
    const inner = structIn(kind)
    if (inner !== undefined) yield* pathsOf(inner, `${before}${name}.`)
  }
}

function structIn(kind: Kind): Struct | undefined {
  if (typeof kind === 'string') return undefined
  return kind.kind === 'struct' ? kind.struct : structIn(kind.of)
}

function collect(value: unknown, struct: Struct, before: string, into: Set<string>): void {
  for (const [name, kind] of struct.fields) {
    const field: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
    if (field === undefined) continue
    into.add(`${before}${name}`)
    const inner = structIn(kind)
    if (inner === undefined || typeof field !== 'object' || field === null) continue
    const isOne = typeof kind !== 'string' && kind.kind === 'struct'
    for (const entry of isOne ? [field] : Object.values(field)) collect(entry, inner, `${before}${name}.`, into)
  }
}
