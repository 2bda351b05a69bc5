import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/io/clock.ts'
import { execProgram } from '../../src/io/exec.ts'
import { pollUntil } from '../../src/io/process-identity.ts'
import { ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

/** What `npm start` and `npm run stop` hand over to: the whole product in one command, by a new user's hands. */

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const dockerCommands = ['/usr/bin/docker', '/usr/local/bin/docker'].filter((path) => existsSync(path))

describe.runIf(isRoot)('flotilla quickstart (needs root on Linux)', () => {
  // A disk: memory file systems hold no overlay below some kernels.
  const folder = mkdtempSync('/var/tmp/flotilla-qs-')
  const state = join(folder, 'state')
  const env = { FLOTILLA_LOCAL_DIR: join(folder, 'local'), FLOTILLA_LOCAL_SUBNET: '10.217.84.0/24' }
  const form = programForms[0]

  function flotilla(words: readonly string[]): Promise<RunResult> {
    return form!.run('flotilla', words, { env, timeoutMs: 170_000 })
  }

  function quickstart(word: 'up' | 'down'): Promise<RunResult> {
    return flotilla(['quickstart', word, '--state-dir', state])
  }

  async function docker(words: readonly string[], command = dockerCommands[0]!): Promise<string> {
    const env = { ...process.env, DOCKER_HOST: `unix://${state}/docker.sock`, DOCKER_CONTEXT: '' }
    const result = await execProgram([command, ...words], { clock: systemClock, env, deadlineMs: 60_000 })
    expect(result.stderr.replace(/^WARNING:.*\n/gm, '')).toBe('')
    return result.stdout
  }

  async function listNames(): Promise<string[]> {
    return (await docker(['ps', '--format', '{{.Names}}'])).trim().split('\n').sort()
  }

  beforeAll(() => ensurePrograms())
  afterAll(async () => {
    await quickstart('down')
    rmSync(folder, { recursive: true, force: true })
  })

  it('makes three hosts, an endpoint and a project, and prints the line to copy', async () => {
    const result = await quickstart('up')
    expect(result).toMatchObject({ code: 0 })
    expect(result.stdout).toContain(`export DOCKER_HOST=unix://${state}/docker.sock`)
    expect(await listNames()).toEqual(
      expect.arrayContaining(
        ['node-1', 'node-2', 'node-3'].map((node) => expect.stringMatching(`^${node}/hello-`) as string),
      ),
    )
  })

  it.each(dockerCommands)('%s sees one engine with three nodes', async (command) => {
    expect((await docker(['info'], command)).match(/└ Status: Healthy/g)).toHaveLength(3)
    expect((await docker(['exec', 'hello-web-2', 'hostname'], command)).trim()).toMatch(/^[0-9a-f]{12}$/)
  })

  it('a second run changes nothing', async () => {
    const before = await docker(['ps', '-aq', '--no-trunc'])
    expect(await quickstart('up')).toMatchObject({ code: 0 })
    expect(await docker(['ps', '-aq', '--no-trunc'])).toBe(before)
  })

  it('a dockerd that stops shows in docker info within 10 s while the others answer; another run brings it back', async () => {
    const killed = [
      'machine',
      '--storage-path',
      `${state}/machine`,
      'ssh',
      'node-3',
      'kill -9 $(cat /var/run/docker.pid)',
    ]
    expect(await flotilla(killed)).toMatchObject({ code: 0 })
    const isSeen = await pollUntil(
      async () => (await docker(['info'])).includes('└ Status: Unhealthy'),
      10_000,
      systemClock,
      { everyMs: 200 },
    )
    expect(isSeen).toBe(true)
    expect((await listNames()).length).toBeGreaterThanOrEqual(2)
    expect(await docker(['exec', 'hello-web-1', 'echo', 'here'])).toBe('here\n')
    expect(await quickstart('up')).toMatchObject({ code: 0 })
    expect((await docker(['info'])).match(/└ Status: Healthy/g)).toHaveLength(3)
  })

  it('goes on where it was cut off, with an endpoint over what came to be, and does not run twice at once', async () => {
    const more = ['quickstart', 'up', '--hosts', '4', '--state-dir', state]
    const killed = { ...env, FLOTILLA_FAILPOINTS: 'machine.afterSave=kill' }
    expect(await form!.run('flotilla', more, { env: killed, timeoutMs: 170_000 })).toMatchObject({ code: 1 })
    const both = await Promise.all([flotilla(more), flotilla(more)])
    expect(both.map(({ code }) => code).sort((a, b) => (a ?? 0) - (b ?? 0))).toEqual([0, 1])
    expect(both.map(({ stderr }) => stderr).join('')).toContain(`the quickstart in ${state} is in use by process `)
    expect((await docker(['info'])).match(/└ Status: Healthy/g)).toHaveLength(4)
  })

  it('down leaves nothing behind, and may be run again', async () => {
    expect(await quickstart('down')).toMatchObject({ code: 0 })
    expect(existsSync(state)).toBe(false)
    expect(existsSync(env.FLOTILLA_LOCAL_DIR) ? readdirSync(env.FLOTILLA_LOCAL_DIR) : []).toEqual([])
    const routes = await execProgram(['ip', '-o', 'addr'], { clock: systemClock })
    expect(routes.stdout).not.toContain('10.217.84.')
    expect(await quickstart('down')).toMatchObject({ code: 0, stderr: 'nothing is running\n' })
  })
})

describe.runIf(!isRoot)('flotilla quickstart without root (needs another user than root)', () => {
  it('says what is missing', async () => {
    const result = await programForms[0]!.run('flotilla', ['quickstart', 'up', '--state-dir', '/tmp/flotilla-qs-none'])
    expect(result.code).not.toBe(0)
    expect(result.stderr).toContain('root')
  })
})
