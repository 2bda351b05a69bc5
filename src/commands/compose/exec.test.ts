import { afterEach, beforeEach, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

let bed: ProgramBed

beforeEach(async () => {
  bed = await startProgramBed(program, { images: ['box:1'] })
  await bed.write('compose.yaml', 'services: { web: { image: box:1, command: [serve] } }')
  await bed.run('up', '-d')
})

afterEach(() => bed.close())

it.each(['', '=x'])('a variable without a name is refused: -e %j', async (entry) => {
  expect(await bed.run('exec', '-T', '-e', 'A=1', '-e', entry, 'web', 'true')).toEqual({
    code: 1,
    stdout: '',
    stderr: `invalid environment variable: ${entry}\n`,
  })
})
