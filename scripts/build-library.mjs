// The library entry points of the package: ES modules in dist/lib, declarations in dist/types. Part of `npm run build`.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import process from 'node:process'
import { rolldown } from 'rolldown'

/** Name of the entry in dist/lib → its barrel. Every one has a line in `exports` of package.json. */
export const libraryEntries = {
  engine: 'src/engine/index.ts',
  compose: 'src/compose/index.ts',
  cluster: 'src/cluster/index.ts',
  machine: 'src/machine/index.ts',
  plugin: 'src/plugin/index.ts',
  testing: 'src/testing/index.ts',
  conformance: 'test/conformance/index.ts',
}

// The suites run inside the test runner of whoever uses them: a second copy of it would know no tests.
const peers = new Set(['vitest', 'fast-check'])
const optionalNative = /(?:^cpu-features$|\.node$|^bufferutil$|^utf-8-validate$)/
const builtins = new Set(builtinModules)

/**
 * @param {string} root
 * @param {Readonly<Record<string, string>>} define constants put in place of names, as for the programs
 * @returns {Promise<{ readonly moduleIds: readonly string[]; readonly files: number }>} what was bundled
 */
export async function buildLibrary(root, define) {
  const [chunks, declarations] = await Promise.all([bundle(root, define), emitDeclarations(root)])
  const files = new Map(chunks.map((chunk) => [`lib/${chunk.fileName}`, chunk.code]))
  for (const [path, text] of declarations) files.set(`types/${path}`, text)
  const dist = join(root, 'dist')
  for (const [path, text] of files) writeWhole(join(dist, path), text)
  for (const folder of ['lib', 'types']) removeOthers(dist, folder, new Set(files.keys()))
  return { moduleIds: chunks.flatMap((chunk) => chunk.moduleIds), files: files.size }
}

async function bundle(root, define) {
  const build = await rolldown({
    input: Object.fromEntries(Object.entries(libraryEntries).map(([name, path]) => [name, join(root, path)])),
    cwd: root,
    logLevel: 'warn',
    // The library has what the programs load late (the lax YAML reader) at hand: its callers cannot wait.
    onLog(level, log, handle) {
      if (log.code !== 'INEFFECTIVE_DYNAMIC_IMPORT') handle(level, log)
    },
    platform: 'node',
    external: (id) => id.startsWith('node:') || builtins.has(id) || peers.has(id) || optionalNative.test(id),
    transform: { target: 'node20', define },
  })
  const made = await build.generate({
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
  })
  await build.close()
  return made.output.filter((item) => item.type === 'chunk')
}

/** The declarations that the entries reach, by path below dist/types. */
async function emitDeclarations(root) {
  const folder = join(root, '.cache', `types-${process.pid}`)
  const config = join(folder, 'tsconfig.json')
  mkdirSync(folder, { recursive: true })
  const options = { noEmit: false, emitDeclarationOnly: true, noCheck: true, rootDir: root, outDir: folder }
  const files = Object.values(libraryEntries).map((path) => join(root, path))
  writeFileSync(
    config,
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions: options, files, include: [] }),
  )
  try {
    await run(join(root, 'node_modules', '.bin', 'tsc'), ['-p', config], root)
    return collectReached(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run(command, args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    child.stdout.on('data', (data) => (said += data))
    child.stderr.on('data', (data) => (said += data))
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve(undefined) : reject(new Error(`declarations: ${said.trim()}`))))
  })
}

const specifier = /((?:from|import)\s*\(?\s*['"])(\.{1,2}\/[^'"]+)\.(ts|js)(['"])/g

/** Follows the imports from the entries. Specifiers get the ending that every version of TypeScript resolves. */
function collectReached(folder) {
  const found = new Map()
  const waiting = Object.values(libraryEntries).map((path) => path.replace(/\.ts$/, ''))
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(`${path}.d.ts`)) continue
    const source = join(folder, `${path}.d.ts`)
    // Generated JavaScript has its declarations beside it and no part in anybody's interface.
    if (!existsSync(source)) continue
    const text = readFileSync(source, 'utf8')
    const folderOf = dirname(path)
    for (const match of text.matchAll(specifier)) waiting.push(join(folderOf, match[2] ?? ''))
    found.set(`${path}.d.ts`, text.replace(specifier, '$1$2.js$4'))
  }
  return found
}

function writeWhole(path, text) {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}`
  writeFileSync(temporary, text)
  renameSync(temporary, path)
}

function removeOthers(dist, folder, kept) {
  for (const entry of readdirSync(join(dist, folder), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && !kept.has(relative(dist, path))) rmSync(path, { force: true })
  }
}
