// `npm run build`: bundles the four programs and the library into dist/ and collects the licences of what went in.
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { rolldown } from 'rolldown'
import { loadConfig } from 'rolldown/config'
import { buildLibrary } from './build-library.mjs'
import { generateBuiltins } from './gen-builtins.mjs'
import { writeNotices } from './third-party-notices.mjs'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')
process.chdir(root)
generateBuiltins(root)

/** @type {import('rolldown').RolldownOptions} */
const config = await loadConfig(join(root, 'rolldown.config.ts'))
const [result, library] = await Promise.all([bundle(), buildLibrary(root, config.transform?.define ?? {})]).catch(
  (error) => {
    // Rolldown's message shows the place; a stack trace of the bundler helps nobody.
    console.error(error instanceof Error ? error.message : String(error))
    process.exit(1)
  },
)

// Chunks first, entries last: a program started during the build finds either all of the old or all of the new.
const chunks = result.output.filter((item) => item.type === 'chunk')
for (const chunk of [...chunks].sort((a, b) => Number(a.isEntry) - Number(b.isEntry))) {
  writeWhole(join(dist, chunk.fileName), withFirstLines(chunk), chunk.isEntry ? 0o755 : 0o644)
}
removeStale(new Set(chunks.map((chunk) => chunk.fileName)))
const packages = writeNotices(root, new Set([...chunks.flatMap((chunk) => chunk.moduleIds), ...library.moduleIds]))
const kilobytes = Math.round(chunks.reduce((sum, chunk) => sum + chunk.code.length, 0) / 1000)
console.log(
  `built ${chunks.length} files, ${kilobytes} kB, ${packages} packages bundled; library: ${library.files} files`,
)

async function bundle() {
  const build = await rolldown({ ...config, cwd: root, logLevel: 'warn' })
  const made = await build.generate(config.output)
  await build.close()
  return made
}

/**
 * Node takes `--env-file` for itself even after the script's name, unless `--` stands before the script. No interpreter
 * line can put it there on every system (BusyBox `env` splits none), so the programs that have this flag start as a
 * shell script of one line, which JavaScript reads as a text and a comment. Written after minifying, which would drop it.
 */
function withFirstLines(chunk) {
  const takesEnvFile = chunk.isEntry && ['docker-compose', 'flotilla'].includes(chunk.name)
  if (!takesEnvFile) return chunk.code
  return chunk.code.replace(/^#!.*\n/, () => `#!/bin/sh\n':' //; exec node -- "$0" "$@"\n`)
}

function writeWhole(path, text, mode) {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}`
  writeFileSync(temporary, text)
  chmodSync(temporary, mode)
  renameSync(temporary, path)
}

/** Chunks of earlier builds stay for two minutes, for programs that still run and load them late. */
function removeStale(current) {
  const folder = join(dist, 'chunks')
  const limitMs = Date.now() - 120_000
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (current.has(`chunks/${name}`)) continue
    // Another build may be taking it away at this moment.
    const changedAtMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity
    if (changedAtMs < limitMs) rmSync(path, { force: true })
  }
}
