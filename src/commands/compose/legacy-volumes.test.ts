import { afterEach, beforeEach, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

/**
 * Named volumes of a file of version 1 are the engine's: docker-compose 1.29 names them when it makes containers and
 * never touches them again. Many projects may use the same one.
 */
let bed: ProgramBed

beforeEach(async () => {
  bed = await startProgramBed(program, { images: ['box:1'] })
  await bed.write('docker-compose.yml', 'web:\n  image: box:1\n  command: serve\n  volumes: ["common:/c", "/anon"]\n')
})
afterEach(() => bed.close())

const volumes = (): readonly object[] =>
  [...bed.engine.state.volumes.values()]
    .filter(({ Name }) => Name === 'common')
    .map(({ Name, Labels }) => ({ Name, labels: Object.keys(Labels ?? {}) }))

it.each([[[]], [['-p', 'p']]])('are left by down -v: docker-compose %j', async (globals: string[]) => {
  expect((await bed.run('-p', 'p', 'up', '-d')).code).toBe(0)
  expect(volumes()).toEqual([{ Name: 'common', labels: [] }])
  await bed.write('.env', 'COMPOSE_PROJECT_NAME=p\n')
  const down = await bed.run(...globals, 'down', '-v')
  expect(down).toMatchObject({ code: 0, stderr: expect.stringMatching(/web-1 {2}Removed/) as string })
  expect(volumes()).toHaveLength(1)
})

it('may be there already', async () => {
  await bed.write('other.yml', 'web: { image: box:1, command: serve, volumes: ["common:/c"] }\n')
  await bed.run('-p', 'other', '-f', 'other.yml', 'up', '-d')
  const up = await bed.run('up', '-d')
  expect(up).toMatchObject({ code: 0, stderr: expect.not.stringContaining('common') as string })
  expect((await bed.run('up', '-d')).stderr).not.toContain('Recreate')
  expect((await bed.run('config')).stdout).toContain('volumes:\n  common:\n    name: common\n')
})
