// Installs the npm packages of the lock file when they are missing or older than it. Plain JavaScript that
// needs nothing installed, because every script starts here on a fresh clone.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

export const root = join(import.meta.dirname, '..')

/** Ends the process with a clear sentence when this Node is older than the floor. */
export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  console.error(
    `flotilla needs Node 20.19 or newer, this is ${process.versions.node}: install a newer Node and run the command again`,
  )
  process.exit(1)
}

/** Runs `npm ci` when node_modules does not reflect package-lock.json. */
export function ensureNpmPackages() {
  checkNode()
  const lock = join(root, 'package-lock.json')
  const installed = join(root, 'node_modules', '.package-lock.json')
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs - 1000) return
  console.log('installing npm packages (npm ci, no install scripts)')
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (result.status !== 0) {
    console.error('npm ci failed: see the lines above; a reachable npm registry is needed')
    process.exit(1)
  }
}
