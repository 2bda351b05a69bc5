// `npm run stop`: takes away all that `npm start` made.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { ensureBuilt } from './built.mjs'
import { ensureNpmPackages, root } from './npm-packages.mjs'

ensureNpmPackages()
ensureBuilt()
const result = spawnSync(
  process.execPath,
  [join(root, 'dist', 'bin', 'flotilla.cjs'), 'quickstart', 'down', ...process.argv.slice(2)],
  { stdio: 'inherit' },
)
process.exitCode = result.status ?? 1
