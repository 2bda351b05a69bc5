// Runs the static checks one after the other and reports all that failed: types, lint, format, architecture.
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { ensureNpmPackages, root } from './npm-packages.mjs'

ensureNpmPackages()

/** @type {readonly (readonly [string, readonly [string, ...string[]]])[]} */
const checks = [
  ['types', ['npx', '--no-install', 'tsc', '--noEmit', '-p', 'tsconfig.json']],
  ['lint', ['npx', '--no-install', 'oxlint', '--type-aware', '--deny-warnings']],
  ['format', ['npx', '--no-install', 'oxfmt', '--check', 'src', 'test', 'scripts']],
  ['architecture', ['npx', '--no-install', 'vitest', 'run', '--project', 'unit', 'test/architecture.test.ts']],
]

let failed = 0
for (const [name, [command, ...args]] of checks) {
  const startedAt = performance.now()
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const isGood = result.status === 0
  console.log(`${isGood ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`)
  if (!isGood) {
    failed += 1
    console.log(`${result.stdout ?? ''}${result.stderr ?? ''}`.trimEnd())
  }
}
process.exitCode = failed === 0 ? 0 : 1
