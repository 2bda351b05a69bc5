import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('start of a project of which nothing is known but its name is an error, unlike stop of it', async () => {
  const bed = await startProgramBed(program)
  try {
    const started = await bed.run('-p', 'nosuch', 'start')
    expect(started).toMatchObject({ code: 1, stdout: '' })
    expect(started.stderr).toBe('no container found for project "nosuch": not found\n')
    expect(await bed.run('-p', 'nosuch', 'stop')).toEqual({ code: 0, stdout: '', stderr: '' })
  } finally {
    await bed.close()
  }
})

it('start of a paused container is the error of the engine; up lets it run again', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', 'name: p\nservices: { web: { image: box:1, command: [serve] } }')
    await bed.run('up', '-d')
    await bed.run('pause')
    const started = await bed.run('start')
    expect(started).toMatchObject({ code: 1, stdout: '' })
    expect(started.stderr).toContain('cannot start a paused container, try unpause instead')
    expect(await bed.run('up', '-d')).toMatchObject({ code: 0 })
    expect((await bed.run('ps', '--services', '--status', 'running')).stdout).toBe('web\n')
  } finally {
    await bed.close()
  }
})

const dependent = (condition: string, required = true): string =>
  `name: p\nservices:\n  web: { image: box:1, command: [serve], depends_on: { db: { condition: ${condition}, required: ${String(required)} } } }\n  db: { image: box:1, command: [serve] }\n`

it.each([
  ['service_started', true, 0, ''],
  ['service_healthy', true, 1, 'web is missing dependency db\n'],
  ['service_completed_successfully', true, 1, 'web is missing dependency db\n'],
  ['service_healthy', false, 0, 'web is missing dependency db'],
])('start of a service whose dependency (%s, required: %s) has no container ends with %i', async (...row) => {
  const [condition, required, code, text] = row
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', dependent(condition, required))
    await bed.run('up', '-d', '--no-deps', 'web')
    await bed.run('stop')
    for (const names of [['web'], []]) {
      const started = await bed.run('start', ...names)
      expect(started.stderr).toContain(text)
      expect(started.code).toBe(code)
      const running = (await bed.run('ps', '--services', '--status', 'running')).stdout
      expect(running).toBe(code === 0 ? 'web\n' : '')
      await bed.run('stop')
    }
  } finally {
    await bed.close()
  }
})

const checked = `name: p
services:
  web: { image: box:1, command: [serve], healthcheck: { test: [CMD, check] } }
  once: { image: box:1, command: [done] }
`

it.each([[[]], [['-p', 'p']]])('start --wait ends when all is healthy, also by labels alone: %j', async (globals) => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', checked)
    await bed.run('create')
    const started = bed.start(...globals, 'start', '--wait', 'web')
    const ids = bed.run('ps', '-a', '-q', 'web')
    await expect.poll(() => started.stderr).toContain('Container p-web-1  Waiting')
    bed.engine.setHealth((await ids).stdout.trim(), 'healthy')
    expect(await started.code).toBe(0)
    expect(started.stderr).toContain('Container p-web-1  Healthy')
  } finally {
    await bed.close()
  }
})

it('start --wait fails when the time is over, and for a container that ends', async () => {
  const programs = { done: (): Promise<number> => Promise.resolve(3) }
  const bed = await startProgramBed(program, { images: ['box:1'], programs })
  try {
    await bed.write('compose.yaml', checked)
    await bed.run('create')
    const late = await bed.run('start', '--wait', '--wait-timeout', '1', 'web')
    expect(late).toMatchObject({ code: 1, stderr: expect.stringContaining('application not healthy after 1s\n') })
    const ended = await bed.run('start', '--wait', 'once')
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('container p-once-1 exited (3)') })
    expect(await bed.run('--dry-run', 'start', '--wait')).toMatchObject({ code: 0 })
  } finally {
    await bed.close()
  }
})
