import * as posix from 'node:path/posix'
import { LoadError } from './failure.ts'
import { compileRules, stepRule } from './path-rule.ts'
import type { RuleNode } from './path-rule.ts'
import type { Places } from './place.ts'
import { renderScalar } from './plain.ts'
import { parsePort } from './short-port.ts'
import { parseVolume } from './short-volume.ts'
import { isMap, makeMap, renderPath } from './tree.ts'
import type { Tree, TreeMap, TreePath } from './tree.ts'
import { goTypeOf } from './unique.ts'

export interface CanonicalContext {
  readonly places: Places
  readonly warn: (message: string) => void
  /** Short forms that cannot be read stay as they are (they may hold variables). */
  readonly isLenient: boolean
}

/** Long form of a value at a path, or a mistake. */
type Expand = (value: Tree, path: string, context: CanonicalContext) => Tree | Mistake

class Mistake {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

/** compose-go transform/canonical.go: the short forms. */
const expansions: RuleNode<Expand> = compileRules<Expand>({
  'services.*.build': expandBuild,
  'services.*.build.additional_contexts': expandContexts,
  'services.*.build.no_cache_filter': expandList,
  'services.*.build.provenance': expandText,
  'services.*.build.sbom': expandText,
  'services.*.build.secrets.*': expandFileReference,
  'services.*.build.ssh': expandSsh,
  'services.*.configs.*': expandFileReference,
  'services.*.depends_on': expandDependencies,
  'services.*.develop.watch.*.ignore': expandList,
  'services.*.develop.watch.*.include': expandList,
  'services.*.devices.*': expandDevice,
  'services.*.dns': expandList,
  'services.*.env_file': expandEnvFiles,
  'services.*.gpus': expandGpus,
  'services.*.label_file': expandList,
  'services.*.models': expandNames,
  'services.*.networks': expandNames,
  'services.*.ports': expandPorts,
  'services.*.secrets.*': expandFileReference,
  'services.*.volumes.*': expandMount,
  'configs.*': expandExternal,
  'networks.*': expandExternal,
  'secrets.*': expandExternal,
  'volumes.*': expandExternal,
})

/**
 * Short forms → long forms, in place. Harmless on what is long already.
 *
 * @throws {compose/invalid} with file, line and column
 */
export function canonicalize(tree: TreeMap, context: CanonicalContext): void {
  new Walk(tree, context).enter(tree, [], expansions)
}

class Walk {
  readonly #root: TreeMap
  readonly #context: CanonicalContext

  constructor(root: TreeMap, context: CanonicalContext) {
    this.#root = root
    this.#context = context
  }

  enter(holder: TreeMap | Tree[], path: TreePath, rules: RuleNode<Expand>): void {
    if (Array.isArray(holder)) {
      for (const [index, value] of holder.entries()) holder[index] = this.#visit(value, [...path, index], rules)
      return
    }
    for (const key of Object.keys(holder)) {
      if (stepRule(rules, key) !== undefined) holder[key] = this.#visit(holder[key] ?? null, [...path, key], rules)
    }
  }

  #visit(value: Tree, path: TreePath, rules: RuleNode<Expand>): Tree {
    const below = stepRule(rules, path.at(-1) ?? '')
    if (below === undefined) return value
    const made = below.rule === undefined ? value : this.#expand(below.rule, value, path)
    if (isMap(made) || Array.isArray(made)) this.enter(made, path, below)
    return made
  }

  #expand(rule: Expand, value: Tree, path: TreePath): Tree {
    const at = renderPath(path.map((key) => (typeof key === 'number' ? '[]' : key)))
    const made = rule(value, at, this.#context)
    if (!(made instanceof Mistake)) return made
    throw new LoadError([this.#context.places.problem(this.#root, path, made.reason)])
  }
}

function record(entries: Readonly<Record<string, Tree | undefined>>): TreeMap {
  const made = makeMap()
  for (const [key, value] of Object.entries(entries)) if (value !== undefined) made[key] = value
  return made
}

function expandBuild(value: Tree, path: string): Tree | Mistake {
  if (typeof value === 'string') return record({ context: value })
  return isMap(value) ? value : new Mistake(`${path}: invalid type ${goTypeOf(value)} for build`)
}

function expandText(value: Tree): Tree {
  return typeof value === 'string' ? value : renderScalar(value)
}

function expandList(value: Tree): Tree {
  return typeof value === 'string' ? [value] : value
}

function expandNames(value: Tree): Tree {
  if (!Array.isArray(value)) return value
  const made = makeMap()
  for (const name of value) made[renderScalar(name)] = null
  return made
}

function expandContexts(value: Tree, path: string, context: CanonicalContext): Tree | Mistake {
  if (!Array.isArray(value)) return value
  const made = makeMap()
  for (const entry of value) {
    const text = renderScalar(entry)
    const equals = text.indexOf('=')
    if (equals < 0) return context.isLenient ? value : new Mistake(`${path}: invalid value ${text}, expected key=value`)
    made[text.slice(0, equals)] = text.slice(equals + 1)
  }
  return made
}

function expandSsh(value: Tree): Tree | Mistake {
  if (!Array.isArray(value)) return value
  const made = makeMap()
  for (const entry of value) {
    const text = renderScalar(entry)
    const equals = text.indexOf('=')
    if (equals >= 0) made[text.slice(0, equals)] = text.slice(equals + 1)
    else if (text === 'default') made[text] = null
    else return new Mistake(`invalid ssh key ${JSON.stringify(text)}`)
  }
  return made
}

function expandFileReference(value: Tree, path: string): Tree | Mistake {
  if (typeof value === 'string') return record({ source: value })
  return isMap(value) ? value : new Mistake(`${path}: unsupported type ${goTypeOf(value)}`)
}

function expandDependencies(value: Tree, path: string): Tree | Mistake {
  const made = makeMap()
  if (Array.isArray(value)) {
    for (const name of value) made[renderScalar(name)] = record({ condition: 'service_started', required: true })
    return made
  }
  if (!isMap(value)) return new Mistake(`${path}: invalid type ${goTypeOf(value)} for depend_on`)
  for (const [name, dependency] of Object.entries(value)) {
    if (!isMap(dependency)) return new Mistake(`${path}.${name}: unsupported value ${renderScalar(dependency)}`)
    dependency['condition'] ??= 'service_started'
    dependency['required'] ??= true
  }
  return value
}

function expandDevice(value: Tree, path: string, context: CanonicalContext): Tree | Mistake {
  if (isMap(value)) return value
  if (typeof value !== 'string') return new Mistake(`${path}: invalid type ${goTypeOf(value)} for service volume mount`)
  const parts = value.split(':')
  if (parts.length > 3) {
    return context.isLenient ? value : new Mistake(`confusing device mapping, please use long syntax: ${value}`)
  }
  const [source = '', target = '', permissions = 'rwm'] = parts
  return record({ source, target: target === '' ? source : target, permissions })
}

function expandEnvFiles(value: Tree, path: string): Tree | Mistake {
  const entries = typeof value === 'string' ? [value] : value
  if (!Array.isArray(entries)) return new Mistake(`${path}: invalid type ${goTypeOf(value)} for env_file`)
  for (const [index, entry] of entries.entries()) {
    if (typeof entry === 'string') entries[index] = record({ path: entry, required: true })
    else if (isMap(entry)) entry['required'] ??= true
  }
  return entries
}

function expandGpus(value: Tree, path: string): Tree | Mistake {
  if (Array.isArray(value)) return value
  if (typeof value === 'string') return [record({ count: 'all' })]
  return new Mistake(`${path}: invalid type ${goTypeOf(value)} for gpus`)
}

function expandPorts(value: Tree, path: string, context: CanonicalContext): Tree | Mistake {
  if (!Array.isArray(value)) return new Mistake(`${path}: invalid type ${goTypeOf(value)} for port`)
  if (value.every((entry) => isMap(entry))) return value
  const made: Tree[] = []
  for (const entry of value) {
    if (isMap(entry)) {
      made.push(entry)
      continue
    }
    if (typeof entry !== 'string' && !Number.isInteger(entry)) {
      return new Mistake(`${path}: invalid type ${goTypeOf(entry)} for port`)
    }
    const ports = parsePort(renderScalar(entry))
    if ('reason' in ports) return context.isLenient ? value : new Mistake(ports.reason)
    for (const port of ports) {
      made.push(
        record({
          mode: 'ingress',
          host_ip: port.hostIp === '' ? undefined : port.hostIp,
          // Nothing to the reference program, which then asks for a port.
          target: port.target === 0 ? undefined : port.target,
          published: port.published === '' ? undefined : port.published,
          protocol: port.protocol,
        }),
      )
    }
  }
  return made
}

function expandMount(value: Tree, path: string, context: CanonicalContext): Tree | Mistake {
  if (isMap(value)) return value
  if (typeof value !== 'string') return new Mistake(`${path}: invalid type ${goTypeOf(value)} for service volume mount`)
  const mount = parseVolume(value)
  if ('reason' in mount) return context.isLenient ? value : new Mistake(mount.reason)
  const hasBind = mount.isBind || mount.propagation !== undefined || mount.selinux !== undefined
  const hasVolume = mount.nocopy || !(mount.isBind || mount.isTiny)
  return record({
    type: mount.isBind ? 'bind' : 'volume',
    source: mount.source === '' ? undefined : mount.source,
    target: posix.normalize(mount.target).replace(/(?<=.)\/$/, ''),
    read_only: mount.readOnly ? true : undefined,
    bind: hasBind
      ? record({
          selinux: mount.selinux,
          propagation: mount.propagation,
          create_host_path: mount.isBind ? true : undefined,
        })
      : undefined,
    volume: hasVolume ? record({ nocopy: mount.nocopy ? true : undefined }) : undefined,
  })
}

/** `external: {name: x}` → `external: true` and `name: x`. */
function expandExternal(value: Tree, path: string, context: CanonicalContext): Tree | Mistake {
  if (!isMap(value)) return value
  const external = value['external']
  if (!isMap(external)) return value
  value['external'] = true
  const name = external['name']
  if (name === undefined) return value
  context.warn(`${path}: external.name is deprecated. Please set name and external: true`)
  if (value['name'] !== undefined && value['name'] !== name) {
    return new Mistake(`${path}: name and external.name conflict; only use name`)
  }
  value['name'] = name
  return value
}
