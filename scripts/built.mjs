// Builds the programs when a source is newer than the last build.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { root } from './npm-packages.mjs'

/** Newest modification below a path, epoch milliseconds. */
function newest(path) {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name))), stat.mtimeMs)
}

/**
 * Makes `dist/` (and with `executable` the single-file programs in `dist/exe/`) reflect the sources.
 * @param {{ readonly executable?: boolean }} options
 */
export function ensureBuilt(options = {}) {
  const sources = [
    'src',
    'test/conformance',
    'schemas',
    'scripts/build.mjs',
    'scripts/build-library.mjs',
    'rolldown.config.ts',
    'package.json',
    'package-lock.json',
  ]
  const changedMs = Math.max(
    ...sources
      .map((name) => join(root, name))
      .filter((path) => existsSync(path))
      .map(newest),
  )
  buildIfOlder(join(root, 'dist', 'bin', 'flotilla.cjs'), 'build.mjs', 'the programs', changedMs)
  if (options.executable === true) {
    buildIfOlder(join(root, 'dist', 'exe', 'flotilla'), 'build-exe.mjs', 'the single-file executable', changedMs)
  }
}

function buildIfOlder(product, script, what, changedMs) {
  if (existsSync(product) && statSync(product).mtimeMs >= changedMs) return
  console.log(`building ${what}`)
  const result = spawnSync(process.execPath, [join(root, 'scripts', script)], { cwd: root, encoding: 'utf8' })
  if (result.status !== 0) {
    console.error(`${result.stdout}${result.stderr}`.trimEnd())
    console.error(`building ${what} failed`)
    process.exit(1)
  }
}
