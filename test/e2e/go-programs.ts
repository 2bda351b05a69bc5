import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import process from 'node:process'

const root = resolve(import.meta.dirname, '..', '..')

/** Go programs of `test/fixtures`, built with Debian's Go and nothing from the network. */
export function goProgram(fixture: string, output: string): void {
  run('build', ['-o', output, '.'], fixture)
}

/** What a Go program of `test/fixtures` prints. */
export function runGoProgram(fixture: string): string {
  return run('run', ['.'], fixture)
}

function run(command: string, args: readonly string[], fixture: string): string {
  const env = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    GOCACHE: resolve(root, '.cache', 'e2e', 'go'),
    GOFLAGS: '-mod=mod',
    GOPROXY: 'off',
    GOTOOLCHAIN: 'local',
    CGO_ENABLED: '0',
  }
  const cwd = resolve(root, 'test', 'fixtures', fixture)
  const result = spawnSync('go', [command, ...args], { cwd, env, encoding: 'utf8', timeout: 240_000 })
  if (result.status !== 0) throw new Error(`go ${command} failed: ${result.error?.message ?? ''}${result.stderr}`)
  return result.stdout
}
