import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import type { FakeProgram } from '../../testing/fake-engine/fake-engine.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

/** `later CODE` ends on its own after a while, as a test suite does. */
const later: FakeProgram = async ({ args, clock, signal }) => {
  await clock.sleep(300, signal)
  return Number(args[1])
}

describe('the end of an attached up', () => {
  let bed: ProgramBed
  let crash = (): void => {}

  beforeEach(async () => {
    const crashing: FakeProgram = async ({ clock, signal }) => {
      await clock.sleep(300, signal)
      crash()
      return 3
    }
    bed = await startProgramBed(program, { images: ['box:1'], programs: { later, crash: crashing } })
  })

  afterEach(() => bed.close())

  const migrateFirst = `services:
  tests:
    image: box:1
    command: [later, "3"]
    depends_on:
      migrate: { condition: service_completed_successfully }
  migrate:
    image: box:1
    command: ["true"]
`

  it.each([
    ['--abort-on-container-exit', 'tests'],
    ['--exit-code-from', 'tests', 'tests'],
    ['--abort-on-container-exit', '--attach', 'tests'],
    ['--abort-on-container-exit', '--no-attach', 'migrate'],
  ])('is not the end of what is not attached: up %s %s %s', async (...flags) => {
    await bed.write('compose.yaml', migrateFirst)
    const up = await bed.run('up', ...flags)
    expect(up).toMatchObject({ code: 3 })
    expect(up.stdout).toContain('tests-1 exited with code 3\n')
    expect(up.stderr).toContain('Aborting on container exit...\n')
  })

  it('is not that of what was done before the rest could start', async () => {
    await bed.write('compose.yaml', migrateFirst)
    for (const named of [[], ['tests']]) {
      const up = await bed.run('up', ...named)
      expect(up).toMatchObject({ code: 0 })
      expect(up.stdout).toContain('tests-1 exited with code 3\n')
      expect((await bed.run('down')).code).toBe(0)
    }
  })

  it.each([
    ['--attach-dependencies', 'web'],
    ['--attach', 'db', 'web'],
    ['--attach-dependencies', '--no-attach', 'web', 'web'],
  ])('is that of what was named, whatever is shown: up %s %s %s %s', async (...words) => {
    await bed.write(
      'compose.yaml',
      'services: { web: { image: box:1, command: [later, "0"], depends_on: [db] }, db: { image: box:1 } }',
    )
    const up = await bed.run('up', ...words)
    expect(up).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Attaching to .*db-1/) as string })
    const states = [...bed.engine.state.containers.values()].map(({ config, status }) => [
      config.Labels?.['com.docker.compose.service'],
      status,
    ])
    expect(Object.fromEntries(states)).toEqual({ web: 'exited', db: 'running' })
  })

  it('stops what was just being started, too', async () => {
    await bed.write(
      'compose.yaml',
      'services: { first: { image: box:1, command: [later, "3"] }, slow: { image: box:1, command: [serve], depends_on: [first] } }',
    )
    const states = (): readonly string[] =>
      [...bed.engine.state.containers.values()].map(({ status }) => status).toSorted()
    expect((await bed.run('create')).code).toBe(0)
    const slow = [...bed.engine.state.containers.values()].find(({ config }) => config.Cmd?.[0] === 'serve')
    bed.engine.fail({ path: new RegExp(`${slow?.id}/start$`), fault: { kind: 'delay', ms: 1500, outlasts: true } })
    expect(await bed.run('up', '--abort-on-container-exit')).toMatchObject({ code: 3 })
    expect(states()).toEqual(['exited', 'exited'])
  })

  it('comes at once where there is nothing to run', async () => {
    await bed.write('compose.yaml', 'services: { web: { image: box:1, scale: 0 } }')
    expect(await bed.run('up')).toMatchObject({ code: 0 })
  })

  it('is that of every service where all are attached', async () => {
    await bed.write('compose.yaml', migrateFirst)
    expect(await bed.run('up', '--abort-on-container-exit')).toMatchObject({ code: 0 })
  })

  it.each(['--abort-on-container-exit', '--abort-on-container-failure'])(
    'is that of one the engine starts again: up %s',
    async (flag) => {
      const State = { Running: true, Restarting: true, ExitCode: 3 }
      crash = () => {
        const body = JSON.stringify({ Id: 'a', State, Config: {}, HostConfig: {} })
        bed.engine.fail({ path: /containers\/[0-9a-f]+\/json$/, times: 1, fault: { kind: 'reply', body } })
      }
      await bed.write('compose.yaml', 'services: { web: { image: box:1, command: [crash], restart: always } }')
      const up = await bed.run('up', flag)
      expect(up).toMatchObject({ code: 3 })
      expect(up.stdout).toContain('web-1 exited with code 3 (restarting)\n')
    },
  )

  it('cannot be that of a service that is not brought up', async () => {
    await bed.write('compose.yaml', migrateFirst)
    const up = await bed.run('up', '--exit-code-from', 'tests', 'migrate')
    expect(up.code).toBe(1)
    expect(up.stderr).toMatch(/^no such service: tests: disabled\n/)
    expect(bed.engine.state.containers.size).toBe(0)
  })
})

describe('Ctrl-C in an attached up', () => {
  let bed: ProgramBed

  beforeEach(async () => {
    bed = await startProgramBed(program, { images: ['box:1'] })
    await bed.write('compose.yaml', 'name: p\nservices: { web: { image: box:1 }, more: { image: box:1 } }')
    await bed.run('up', '-d', 'web')
  })

  afterEach(() => bed.close())

  const states = (): readonly string[] =>
    [...bed.engine.state.containers.values()].map(({ name, status }) => `${name} ${status}`).sort()

  it('while it makes containers leaves running what ran before', async () => {
    bed.engine.fail({ path: /containers\/create$/, fault: { kind: 'hang' } })
    const up = bed.start('up', '--no-color')
    await expect.poll(() => up.stderr, { timeout: 30_000 }).toContain('Container p-more-1  Creating')
    up.signal('SIGINT')
    expect(await up.code).toBe(130)
    expect(up.stdout).not.toContain('Gracefully')
    expect(states()).toEqual(['p-web-1 running'])
  })

  it('leaves running what a named service depends on', async () => {
    await bed.write(
      'compose.yaml',
      'name: p\nservices: { web: { image: box:1, depends_on: [db] }, db: { image: box:1 } }',
    )
    const up = bed.start('up', 'web')
    await expect.poll(states, { timeout: 30_000 }).toEqual(['p-db-1 running', 'p-web-1 running'])
    await expect.poll(() => up.stdout, { timeout: 30_000 }).toContain('Attaching to web-1\n')
    await expect.poll(() => up.stderr, { timeout: 30_000 }).toMatch(/p-web-1 {2}(?:Running|Started)/)
    up.signal('SIGINT')
    expect(await up.code).toBe(130)
    expect(states()).toEqual(['p-db-1 running', 'p-web-1 exited'])
  })

  it('after that stops everything', async () => {
    const up = bed.start('up')
    await expect.poll(() => up.stdout, { timeout: 30_000 }).toContain('Attaching to more-1, web-1\n')
    await expect.poll(states, { timeout: 30_000 }).toEqual(['p-more-1 running', 'p-web-1 running'])
    up.signal('SIGINT')
    expect(await up.code).toBe(130)
    expect(up.stdout).toContain('Gracefully Stopping... press Ctrl+C again to force\n')
    expect(states()).toEqual(['p-more-1 exited', 'p-web-1 exited'])
  })

  it('twice does not wait for an engine that never starts a container', async () => {
    bed.engine.fail({ path: /start$/, fault: { kind: 'hang' } })
    const up = bed.start('up')
    await expect.poll(() => up.stdout, { timeout: 30_000 }).toContain('Attaching to more-1, web-1\n')
    // The first was that of what runs already.
    const starts = (): number => bed.engine.requests.filter(({ path }) => path.endsWith('/start')).length
    await expect.poll(starts, { timeout: 30_000 }).toBe(2)
    up.signal('SIGINT')
    up.signal('SIGINT')
    expect(await up.code).toBe(130)
    expect(states()).toEqual(['p-more-1 created', 'p-web-1 exited'])
  })
})
