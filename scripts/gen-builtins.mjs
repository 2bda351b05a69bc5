// Writes src/plugin/builtins.generated.ts: every driver, discovery back end, filter and strategy by name,
// each behind a dynamic import. An implementation is recognised by the type of what it exports:
// `export const spread: Strategy = …`, `export const descriptor: DriverDescriptor = …`.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

/** One kind: where its implementations live and which exported type marks one. */
const kinds = [
  { kind: 'driver', folder: 'machine/drivers', type: 'DriverDescriptor', hasFolders: true },
  { kind: 'provisioner', folder: 'machine/provision', type: 'Provisioner', hasFolders: false },
  { kind: 'filter', folder: 'cluster/filters', type: 'Filter', hasFolders: false },
  { kind: 'strategy', folder: 'cluster/strategies', type: 'Strategy', hasFolders: false },
  { kind: 'discovery', folder: 'cluster/discovery', type: 'MakeDiscovery', hasFolders: false },
]

/** @param {string} root */
export function generateBuiltins(root) {
  const sections = kinds.map((entry) => renderKind(root, entry)).filter((text) => text !== '')
  const text = [
    '// Written by scripts/gen-builtins.mjs; do not edit.',
    "import type { PluginTable } from './make-registry.ts'",
    '',
    'export const builtins: PluginTable = {',
    ...sections,
    '}',
    '',
  ].join('\n')
  const path = join(root, 'src', 'plugin', 'builtins.generated.ts')
  if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeFileSync(path, text)
}

function renderKind(root, { kind, folder, type, hasFolders }) {
  const lines = listFiles(join(root, 'src', folder), hasFolders).flatMap((file) => {
    const text = readFileSync(join(root, 'src', folder, file), 'utf8')
    const found = [...text.matchAll(new RegExp(`^export const (\\w+): ${type}\\b`, 'gm'))]
    return found.map((match) => {
      const body = text.slice(match.index, findEnd(text, match.index))
      const name =
        /^\s+(?:name|scheme): '([^']+)'/m.exec(body)?.[1] ?? basename(file.replace(/\/index\.ts$/, ''), '.ts')
      const aliases = /^\s+aliases: (\[[^\]]*\])/m.exec(body)?.[1]
      const load = `import('../${folder}/${file}').then((module) => module.${match[1]})`
      const extra = aliases === undefined ? '' : `aliases: ${aliases}, `
      return `    '${name}': { ${extra}source: 'built-in', load: () => ${load} },`
    })
  })
  return lines.length === 0 ? '' : [`  ${kind}: {`, ...lines.sort(), '  },'].join('\n')
}

/** The end of a top-level statement: the next line that starts another one. */
function findEnd(text, start) {
  const next = text.slice(start + 1).search(/^(?:export|function|const|interface|type|async|\/\*\*)/m)
  return next < 0 ? text.length : start + 1 + next
}

function listFiles(folder, hasFolders) {
  if (!existsSync(folder)) return []
  if (!hasFolders)
    return readdirSync(folder)
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .sort()
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'index.ts')))
    .map((entry) => `${entry.name}/index.ts`)
    .sort()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generateBuiltins(join(import.meta.dirname, '..'))
