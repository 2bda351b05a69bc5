import { afterEach, beforeEach, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { systemClock } from '../../io/clock.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

let bed: ProgramBed
let aheadMs = 0

beforeEach(async () => {
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs }
  bed = await startProgramBed(program, { images: ['box:1'], clock })
  await bed.write(
    'compose.yaml',
    `name: p
services:
  web: { image: box:1, command: [sh, -c, "echo one; echo two"] }
  db: { image: box:1, command: [echo, three], container_name: p-database }
`,
  )
})

afterEach(() => bed.close())

it('custom names stand whole before what they say', async () => {
  await bed.run('up', '-d')
  const logs = await bed.run('logs')
  expect(logs.stdout.split('\n').sort()).toEqual(['', 'p-database  | three', 'web-1       | one', 'web-1       | two'])
})

it.each(['all', '', '-1'])('--tail=%s is everything', async (tail) => {
  await bed.run('up', '-d')
  expect((await bed.run('logs', '--no-log-prefix', `--tail=${tail}`, 'web')).stdout).toBe('one\ntwo\n')
  expect((await bed.run('logs', '--no-log-prefix', '--tail=1', 'web')).stdout).toBe('two\n')
})

it('a second up shows nothing of what was said before it', async () => {
  await bed.run('up', '-d')
  aheadMs += 60_000
  const up = await bed.run('up', 'web')
  expect(up.stdout).toContain('Attaching to web-1\n')
  expect(up.stdout.match(/web-1 {2}\| one\n/g)).toHaveLength(1)
})
