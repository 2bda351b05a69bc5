import { afterAll, beforeAll, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

/** What is refused before anything is done, in the words of the reference program. */
let bed: ProgramBed
beforeAll(async () => {
  bed = await startProgramBed({ personality: dockerCompose, globals: composeGlobals, commands: composeCommands })
  await bed.write('none.yml', 'services: {}\n')
  await bed.write('off.yml', 'services: { tool: { image: "box:1", profiles: [tools] } }\n')
})
afterAll(() => bed.close())

it.each([
  ['up -d of no services at all', ['-f', 'none.yml', 'up', '-d'], 'no service selected'],
  ['up -d where all profiles are off', ['-f', 'off.yml', 'up', '-d'], 'no service selected'],
  ['up --plan where all profiles are off', ['-f', 'off.yml', 'up', '--plan'], 'no service selected'],
  [
    'a progress that moves the cursor without ANSI',
    ['--ansi', 'never', '--progress', 'tty', '-f', 'off.yml', 'config', '-q'],
    "can't use --progress tty while ANSI support is disabled",
  ],
  [
    'a plain progress with ANSI',
    ['--ansi', 'always', '--progress', 'plain', '-f', 'off.yml', 'config', '-q'],
    "can't use --progress plain while ANSI support is forced",
  ],
  [
    'publish to nowhere',
    ['publish'],
    "docker: 'docker compose publish' requires 1 argument\nhint: publish REPOSITORY[:TAG]",
  ],
  [
    'a log level that is none',
    ['--log-level', 'loud', '-f', 'off.yml', 'config', '-q'],
    'Unable to parse logging level: loud',
  ],
])('%s', async (_name, argv, message) => {
  expect(await bed.run(...argv)).toEqual({ code: 1, stdout: '', stderr: `${message}\n` })
})

it('a named service switches its profile on, and levels are read in any case', async () => {
  const { code, stdout, stderr } = await bed.run('--log-level', 'WARNING', '-f', 'off.yml', 'up', '--plan', 'tool')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('tool')
})
