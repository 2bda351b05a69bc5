import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

/**
 * The layer rules of docs/architecture.md, checked on the import statements of every source file:
 * direction, cycles, purity, lazy implementations, file size.
 */

const root = resolve(import.meta.dirname, '..')
const sourceRoot = join(root, 'src')

interface Import {
  readonly from: string
  readonly target: string
  readonly isType: boolean
  readonly isDynamic: boolean
  readonly isExternal: boolean
}

function listSources(folder: string): string[] {
  const found: string[] = []
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) found.push(...listSources(path))
    else if (path.endsWith('.ts') && !path.endsWith('.d.ts')) found.push(path)
  }
  return found.sort()
}

const statement = /^(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]/gm
const dynamic = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g

function readImports(path: string): Import[] {
  const text = readFileSync(path, 'utf8')
  const found: Import[] = []
  function add(specifier: string, isType: boolean, isDynamic: boolean): void {
    const isExternal = !specifier.startsWith('.')
    const target = isExternal ? specifier : relative(sourceRoot, resolve(dirname(path), specifier))
    found.push({ from: relative(sourceRoot, path), target, isType, isDynamic, isExternal })
  }
  for (const match of text.matchAll(statement)) add(match[2] ?? '', match[1] !== undefined, false)
  for (const match of text.matchAll(dynamic)) {
    // `import('x').Name` in a type position loads nothing.
    const after = text.slice((match.index ?? 0) + match[0].length)
    add(match[1] ?? '', /^\s*\.[A-Z]/.test(after), true)
  }
  return found
}

const files = listSources(sourceRoot).map((path) => relative(sourceRoot, path))
const products = files.filter((file) => !file.endsWith('.test.ts'))
const imports = products.flatMap((file) => readImports(join(sourceRoot, file)))
const internal = imports.filter((entry) => !entry.isExternal)

function folderOf(file: string): string {
  return file.split('/')[0] ?? ''
}

/** Folder → folders its files may import from, besides their own. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  io: ['core'],
  engine: ['core', 'io'],
  machine: ['core', 'io', 'engine'],
  cluster: ['core', 'io', 'engine'],
  compose: ['core', 'io', 'engine'],
  ui: ['core'],
  cli: ['core', 'ui', 'plugin'],
  plugin: ['core'],
  testing: ['core', 'io', 'engine', 'machine', 'cluster', 'compose', 'plugin', 'ui', 'cli'],
  commands: ['core', 'io', 'engine', 'machine', 'cluster', 'compose', 'plugin', 'ui', 'cli', 'testing'],
  bin: ['core', 'io', 'ui', 'cli', 'plugin', 'commands'],
}

/** Where only the type of a thing may be imported, not its value. */
const typeOnly: Readonly<Record<string, readonly string[]>> = { plugin: ['machine', 'cluster', 'compose', 'engine'] }

const coreBuiltins = ['node:crypto', 'node:path/posix', 'node:util', 'node:buffer', 'node:zlib']

/** Pure places inside the domains: nothing but the language layer, no `async`. */
const purePlaces = [
  /^core\//,
  /^cluster\/filters\//,
  /^cluster\/strategies\//,
  /^cluster\/(abilities|model|copies|usage|wire|port-bindings|volume-copies|volume-uses|project-label|expression|placement|request|create-types|refusal|schedule|shape|shape-order|placement-index|node-columns|recent|gpus|platform|snapshot-lines|simulate-input)\.ts$/,
  /^cluster\/(explain|limits|changed-items|directory|node-names|holders|prefix-index|container-order|container-row|node-list|engine-addresses|collisions|departed|ascii|image-name|admission|replaced-copies|taken-names|reservations|fleet|info|reschedule|simulate)\.ts$/,
  /^cluster\/image-transfer\/(tar-sieve|nameless|layers|layer-filter|plan-copy)\.ts$/,
  /^cluster\/native-swarm\/(plan-swarm|read-swarm)\.ts$/,
  /^cluster\/tenants\/(away-use|owner|lens|image-names|narrow-node|narrow-usage|settle-affinities|create-request|quota|rates|hearing)\.ts$/,
  /^cluster\/recipe\.ts$/,
  /^cluster\/audit\/(attention|line|selection|summary|verify)\.ts$/,
  /^cluster\/ports\/(find-forwards|choose-ports)\.ts$/,
  /^cluster\/reschedule\/(decide|duplicates|foreign-nodes|kept-name|left-copy|pacing|rebalance|record|record-container|sight)\.ts$/,
  /^cluster\/watch\/(state|copy-state|step|receive|answers|life-cycle|own-changes|stream|wake-up|blank-node|event-table|messages|decode|decode-details|decode-lists|specs|flights|collections|health|reads|trouble)\.ts$/,
  /^cluster\/access\/(caller|model|identify|parse-access|yaml-section|routes|freedoms|fields|scope)\.ts$/,
  /^engine\/version\.ts$/,
  /^cluster\/api\/(bridge\/[a-z-]+|build-request|compression|forward-heads|primary-routes|http1\/head)\.ts$/,
  /^cluster\/api\/(merge|names|failure-status|container-filter|container-json|list-containers|list-images|list-filter|disk-usage|event-filter|port-filter|reference-filter|value-tests|time-filter|container-status|router)\.ts$/,
  /^compose\/load\/(?!source\.ts)/,
  /^compose\/(model|plan|translate|legacy|view|copy)\//,
  /^compose\/(translate|hash)\.ts$/,
  /^compose\/build\/(definition|frontend|classic-query|cache-entry|build-progress|bake|excerpt|shown)\.ts$/,
  /^engine\/buildkit\/(messages|file-packet)\.ts$/,
  /^compose\/execute\/(health-doubt|health-words)\.ts$/,
  /^compose\/watch\/(rules|batch|gone|owed)\.ts$/,
  /^machine\/(env|host|creation)\.ts$/,
  /^machine\/fleet\//,
  /^machine\/pool\/plan\.ts$/,
  /^machine\/provision\/unit-file\.ts$/,
]

function isPure(file: string): boolean {
  return purePlaces.some((place) => place.test(file))
}

describe('layers', () => {
  it('every import goes to the same or a lower layer', () => {
    const wrong = internal.filter((entry) => {
      const from = folderOf(entry.from)
      const to = folderOf(entry.target)
      if (from === to || (mayImport[from] ?? []).includes(to)) return false
      if ((typeOnly[from] ?? []).includes(to)) return !entry.isType && !entry.isDynamic
      return true
    })
    expect(wrong.map((entry) => `${entry.from} → ${entry.target}`)).toEqual([])
  })

  it('the shell loads commands lazily: only tables are imported as values', () => {
    const wrong = internal.filter(
      (entry) =>
        entry.from.startsWith('bin/') && entry.target.startsWith('commands/') && !entry.target.endsWith('table.ts'),
    )
    expect(wrong.map((entry) => `${entry.from} → ${entry.target}`)).toEqual([])
  })

  it('a command does not import another command', () => {
    const wrong = internal.filter((entry) => {
      const [from, to] = [entry.from.split('/'), entry.target.split('/')]
      return from[0] === 'commands' && to[0] === 'commands' && !entry.isType && !entry.isDynamic && from[1] !== to[1]
    })
    expect(wrong.map((entry) => `${entry.from} → ${entry.target}`)).toEqual([])
  })

  it('barrels are the public entry points and nothing else, and no code inside goes through one', () => {
    const barrels = ['engine', 'compose', 'cluster', 'machine', 'plugin', 'testing'].map((name) => `${name}/index.ts`)
    const isDriver = /^machine\/drivers\/[^/]+\/index\.ts$/
    const others = products.filter((file) => file.endsWith('/index.ts') && !isDriver.test(file))
    expect(others.sort()).toEqual(barrels.sort())
    const users = internal.filter((entry) => barrels.includes(entry.target))
    expect(users.map((entry) => `${entry.from} → ${entry.target}`)).toEqual([])
  })

  it('implementations of an extension point are loaded by name, never imported', () => {
    const kinds = [
      /^machine\/drivers\/([^/]+)\//,
      /^cluster\/discovery\/(?!discovery\.ts|[a-z-]*entries\.ts)([^/]+)\.ts$/,
    ]
    const wrong = internal.filter((entry) => {
      if (entry.isType || entry.isDynamic || folderOf(entry.from) === 'testing') return false
      return kinds.some((kind) => {
        const name = kind.exec(entry.target)?.[1]
        return name !== undefined && kind.exec(entry.from)?.[1] !== name && !entry.from.startsWith('cluster/discovery/')
      })
    })
    expect(wrong.map((entry) => `${entry.from} → ${entry.target}`)).toEqual([])
  })
})

describe('purity', () => {
  it('pure files import only the language layer and pure neighbours', () => {
    const wrong = imports.filter((entry) => {
      if (!isPure(entry.from) || entry.isType) return false
      if (entry.isExternal) return entry.target.startsWith('node:') && !coreBuiltins.includes(entry.target)
      return folderOf(entry.target) !== 'core' && !isPure(entry.target)
    })
    expect(wrong.map((entry) => `${entry.from} → ${entry.target}`)).toEqual([])
  })

  it('pure files take time, chance and the process as arguments', () => {
    const forbidden =
      /\bDate\.now\(|\bMath\.random\(|\bprocess\.(?:env|cwd|stdout|stderr|exit|platform)\b|\bnew Date\(\)|\bsetTimeout\(/
    const wrong = products.filter((file) => isPure(file) && forbidden.test(stripComments(file)))
    expect(wrong).toEqual([])
  })

  it('pure domain files have no asynchronous functions', () => {
    const wrong = products.filter(
      (file) => isPure(file) && folderOf(file) !== 'core' && /\basync\b|\bawait\b/.test(stripComments(file)),
    )
    expect(wrong).toEqual([])
  })

  it('only the clock sets timers', () => {
    const allowed = /^(io\/clock\.ts|testing\/|ui\/)/
    const wrong = products.filter(
      (file) =>
        !allowed.test(file) && /\bset(?:Timeout|Interval)\(/.test(stripComments(file).replace(/\.setTimeout\(/g, '')),
    )
    expect(wrong).toEqual([])
  })

  it('domains never write to the terminal or end the process', () => {
    const domain = /^(core|io|engine|machine|cluster|compose|plugin)\//
    const wrong = products.filter(
      (file) => domain.test(file) && /\bprocess\.(?:stdout|stderr|exit\b)|\bconsole\./.test(stripComments(file)),
    )
    expect(wrong).toEqual([])
  })
})

describe('shape', () => {
  it('there is no import cycle between values', () => {
    const edges = new Map<string, string[]>()
    for (const entry of internal) {
      if (entry.isType || entry.isDynamic) continue
      edges.set(entry.from, [...(edges.get(entry.from) ?? []), entry.target])
    }
    expect(findCycle(edges)).toEqual([])
  })

  it('a file stays under 500 lines, and nine in ten under 300', () => {
    const sizes = products
      .filter((file) => !file.includes('.generated.'))
      .map((file) => ({ file, lines: readFileSync(join(sourceRoot, file), 'utf8').split('\n').length }))
    expect(sizes.filter((entry) => entry.lines > 500)).toEqual([])
    const large = sizes.filter((entry) => entry.lines > 300)
    expect(large.length, large.map((entry) => `${entry.file} ${entry.lines}`).join('\n')).toBeLessThanOrEqual(
      sizes.length / 10,
    )
  })

  it('no file or folder is called utils, helpers, common, misc, base or impl', () => {
    const wrong = files.filter((file) => /(^|\/)(utils?|helpers?|common|misc|base|impl)(\.ts|\/)/.test(file))
    expect(wrong).toEqual([])
  })
})

function stripComments(file: string): string {
  return readFileSync(join(sourceRoot, file), 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '')
}

function findCycle(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>()
  function visit(file: string, path: readonly string[]): string[] {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return []
    for (const next of edges.get(file) ?? []) {
      const cycle = visit(next, [...path, file])
      if (cycle.length > 0) return cycle
    }
    done.add(file)
    return []
  }
  for (const file of edges.keys()) {
    const cycle = visit(file, [])
    if (cycle.length > 0) return cycle
  }
  return []
}
