import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collect, ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

/** What the pages of docs/ tell a newcomer to type, typed in that order into one shell. */

const root = resolve(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'flotilla-docs-'))
const programs = ['flotilla', 'docker-machine', 'docker-compose', 'swarm'] as const
const env = {
  ...process.env,
  HOME: join(folder, 'home'),
  PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
  // A network and a place of its own, beside whatever runs on this machine.
  FLOTILLA_LOCAL_SUBNET: '10.217.83.0/24',
  FLOTILLA_LOCAL_DIR: join(folder, 'local'),
  MACHINE_STORAGE_PATH: join(folder, 'home', '.docker', 'machine'),
  DOCKER_HOST: '',
  DOCKER_CONTEXT: '',
}

beforeAll(() => {
  ensurePrograms()
  mkdirSync(join(folder, 'bin'), { recursive: true })
  mkdirSync(env.HOME)
  const executable = programForms.find((form) => form.name === 'executable')
  for (const name of programs) symlinkSync(executable?.command(name)[0] ?? '', join(folder, 'bin', name))
})
afterAll(async () => {
  // Also after a failure in the middle: no host stays.
  await shell('docker-machine ls -q | xargs -r docker-machine rm -f')
  rmSync(folder, { recursive: true, force: true })
})

/** The shell blocks of a page that stand under a mark `<!-- run: NAME -->`, in order. */
function readBlocks(file: string, name: string): readonly string[] {
  const blocks = new RegExp(`<!-- run: ${name} -->\\n\`\`\`sh\\n([\\s\\S]*?)\`\`\``, 'g')
  return [...readFileSync(join(root, file), 'utf8').matchAll(blocks)].map((match) => match[1] ?? '')
}

function shell(script: string): Promise<RunResult> {
  const path = join(folder, 'script.sh')
  writeFileSync(path, script)
  const child = spawn('bash', ['-m', '-e', '-o', 'pipefail', path], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return collect(child, 150_000)
}

/** Runs a page from its first to its last block; stops at the first command that fails. Jobs of the shell end with it. */
async function runPage(file: string, name: string): Promise<RunResult> {
  const blocks = readBlocks(file, name)
  expect(blocks.length).toBeGreaterThan(0)
  const sockets = join(folder, 'fleet')
  const script = blocks.join('\necho "-- next block"\n').replaceAll('/run/fleet', sockets)
  return shell(`trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n${script}`)
}

describe('a newcomer who types what the page says', () => {
  it('docs/machine.md: makes a host, uses it, stops it, starts it, removes it', async () => {
    const result = await runPage('docs/machine.md', 'machine')
    expect(result.code, result.stdout + result.stderr).toBe(0)
    const blocks = result.stdout.split('-- next block\n')
    expect(blocks[0]).toMatch(/^build1 +- +local +Running +tcp:\/\/10\.217\.83\.2:2376 /m)
    expect(blocks[1]).toMatch(/^sha256:[0-9a-f]{64}\nhello\n$/)
    expect(blocks[2]).toMatch(
      /^build1\n[\s\S]*^10\.217\.83\.2\nbuild1 tcp:\/\/10\.217\.83\.2:2376\n[\s\S]*Successfully removed build1/m,
    )
  })

  it('docs/swarm.md: puts an endpoint over two hosts and places containers', async () => {
    const result = await runPage('docs/swarm.md', 'swarm')
    expect(result.code, result.stdout + result.stderr).toBe(0)
    const blocks = result.stdout.split('-- next block\n')
    expect(blocks[0]).toContain('Nodes: 2')
    const names = blocks[1]?.match(/^node[12]\/\w+$/gm)
    expect(names?.toSorted()).toEqual(['node1/cache', 'node1/db', 'node2/web'])
    expect(blocks[3]).toBe('192.0.2.10:2376\n192.0.2.11:2376\n192.0.2.12:2376\n')
  })

  it('docs/scheduling.md: asks where containers would go, and plays what could happen', async () => {
    const result = await runPage('docs/scheduling.md', 'scheduling')
    expect(result.code, result.stdout + result.stderr).toBe(0)
    const blocks = result.stdout.split('-- next block\n')
    expect(blocks[1]).toMatch(/^\* +node1 +1 +-?\d+ +passed *$/m)
    expect(blocks[1]).toMatch(/^ +127\.0\.0\.1:1 +- +- +state +\S/m)
    expect(blocks[1]).toContain('Placed on node1 (spread).')
    expect(blocks[1]).toContain('constraint storage==disk is not met (storage is "ssd")')
    expect(blocks[1]).toContain('exit code 1')
    expect(blocks[1]).toContain('3 GPUs are asked for, 2 of 2 are free')
    expect(blocks[2]).toContain('"Node":"node1"')
    expect(blocks[3]).toContain('10000 containers on 1000 nodes: 10000 placed, 0 refused')
    expect(blocks[3]).toMatch(/^node1 +3 +3 +0 % /m)
    expect(blocks[4]).toContain('Failed nodes: 1 moved, 3 found no place, 0 gone')
    expect(blocks[4]).toMatch(/exit code 1\n +"stranded": \d+,\n$/)
  })

  it('docs/audit.md: writes down who changed what, and finds what was changed', async () => {
    const result = await runPage('docs/audit.md', 'audit')
    expect(result.code, result.stdout + result.stderr).toBe(0)
    const blocks = result.stdout.split('-- next block\n')
    expect(blocks[1]).toMatch(/^\S+ +unknown +unix socket +POST +\/containers\/create +node1 +201 +\d+ *$/m)
    expect(blocks[1]).toMatch(/ POST +\/containers\/[0-9a-f]{64}\/start +node1 +204 /)
    expect(blocks[1]).toMatch(/ POST +\/containers\/db\/exec +node1 +201 /)
    expect(blocks[1]).toMatch(/ POST +\/exec\/[0-9a-f]{64}\/start +node1 +101 /)
    expect(blocks[1]).toMatch(/ DELETE +\/containers\/db +node1 +204 /)
    expect(blocks[1]).toContain('"Env":["DB_PASSWORD=***"]')
    expect(blocks[1]).not.toContain('hunter2')
    expect(blocks[2]).toMatch(/^\S+\/audit\.log: \d+ lines in 1 segment hold together, from 1 /)
    expect(blocks[2]).toMatch(
      /\nexit code 1\n.*short\.log: 3 lines in 1 segment hold together.*\n3:[0-9a-f]{64}\nexit code 1\n$/,
    )
    expect(result.stderr).toMatch(/changed\.log" line \d+: it was changed: its hash does not fit/)
    expect(result.stderr).toContain('lines were cut off its end')
  })

  it('docs/high-availability.md: elects a leader without a store, and another when it stops', async () => {
    const result = await runPage('docs/high-availability.md', 'high-availability')
    expect(result.code, result.stdout + result.stderr).toBe(0)
    const blocks = result.stdout.split('-- next block\n')
    expect(blocks[0]).toMatch(/Role: replica\n\s*Primary: localhost:7651\n/)
    expect(blocks[1]).toMatch(/^\{"role":"primary","primary":"localhost:7652","term":2\}\n.*\/web\n$/s)
  })

  it('docs/access.md: makes a token, and finds out what it is good for', async () => {
    const result = await runPage('docs/access.md', 'access')
    expect(result.code, result.stdout + result.stderr).toBe(0)
    const blocks = result.stdout.split('-- next block\n')
    expect(blocks[0]).toMatch(/^ci +deployer +token [0-9a-f]{12} +shop +2099-01-31T00:00:00Z$/m)
    expect(blocks[1]).toContain('{"Name":"ci","Role":"deployer","How":"token","Projects":["shop"]}')
    expect(blocks[1]?.match(/^refused, exit code 12[56]$/gm)).toHaveLength(2)
    const page = readFileSync(join(root, 'docs/access.md'), 'utf8')
    const shown = /gets 403 with who, what and why:\n\n```\n([\s\S]*?)\n```/.exec(page)?.[1] ?? 'nothing'
    expect(result.stderr).toContain(shown)
    expect(result.stderr).toContain('HostConfig.Privileged needs the freedom privileged')
  })

  it('docs/tenants.md: gives two tenants a world each, and a quota to one', async () => {
    const result = await runPage('docs/tenants.md', 'tenants')
    expect(result.code, result.stdout + result.stderr).toBe(0)
    const blocks = result.stdout.split('-- next block\n')
    expect(blocks[1]).toMatch(/^0\nexit code 1\nexit code 1\n/m)
    expect(blocks[1]).toMatch(
      /^exit code 12[56]\n\S*\/blue-db\n\S*\/blue-web\n\[\{"Name":"blue","Containers":\{"Used":2,"Limit":2\}/m,
    )
    const page = readFileSync(join(root, 'docs/tenants.md'), 'utf8')
    const shown = /what is\nasked too often:\n\n```\n([\s\S]*?)\n```/.exec(page)?.[1] ?? 'nothing'
    expect(result.stderr).toContain(shown)
    expect(result.stderr).toContain('No such container')
  })

  it('docs/compose.md: brings a project up, changes it, takes it down', async () => {
    const result = await runPage('docs/compose.md', 'compose')
    expect(result.code, result.stdout + result.stderr).toBe(0)
    const blocks = result.stdout.split('-- next block\n')
    expect(blocks[0]).toMatch(/^shop-web-1 .*0\.0\.0\.0:8080->80\/tcp/m)
    expect(blocks[0]).toContain('level info')
    expect(blocks[1]).toContain('~ replace container shop-db-1 (configuration changed)')
    expect(blocks[1]).toContain('environment.LEVEL: "info" → "debug"')
    expect(blocks[1]).not.toContain('replace container shop-web-1')
  })

  it('docs/plan.md: names settings, hides secrets, and tells programs', async () => {
    const result = await runPage('docs/plan.md', 'plan')
    expect(result.code, result.stdout + result.stderr).toBe(0)
    const [first = '', second = ''] = result.stdout.split('-- next block\n')
    const page = readFileSync(join(root, 'docs/plan.md'), 'utf8')
    const shown = /The last one prints:\n\n```\n([\s\S]*?)```/.exec(page)?.[1]
    expect(first).toContain(shown)
    expect(second).toMatch(/^up to date\nexit code 2\n/)
    expect(second).toContain('"from": "\\"info\\""')
    expect(second).toContain('containers: 3 to remove, 0 unchanged')
  })

  it('docs/rolling-updates.md: a good version passes, a bad one changes nothing', async () => {
    const result = await runPage('docs/rolling-updates.md', 'rolling')
    expect(result.code, result.stdout + result.stderr).toBe(0)
    const [first = '', second = ''] = result.stdout.split('-- next block\n')
    const page = readFileSync(join(root, 'docs/rolling-updates.md'), 'utf8')
    expect(first).toContain(/how it will go:\n\n```\n([\s\S]*?)```/.exec(page)?.[1])
    expect(first).toMatch(/rolling-web-3 .*\(healthy\)/)
    expect(second).toContain('exit code 1\nas before\n')
    expect(result.stderr).toContain('update of service "web" rolled back')
  })

  it('docs/networks-and-images.md: an image and a network reach both nodes', async () => {
    const result = await runPage('docs/networks-and-images.md', 'span')
    expect(result.code, result.stdout + result.stderr).toBe(0)
    const blocks = result.stdout.split('-- next block\n')
    expect(blocks[1]).toMatch(/^[0-9a-f]{12}\n.*image copied.*from=node1 to=node2/m)
    expect(blocks[2]).toMatch(/^Name:\s+db$/m)
    expect(blocks[3]).toContain('reached\n')
  })
})
