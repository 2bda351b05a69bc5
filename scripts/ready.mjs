// First step of `npm run build` and `build:exe`: a fresh clone builds without `npm ci` before, and without an error about
// modules that are not there. Packages that are there stay as they are.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ensureNpmPackages, root } from './npm-packages.mjs'

if (!existsSync(join(root, 'node_modules', 'rolldown'))) ensureNpmPackages()
