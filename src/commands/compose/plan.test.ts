import { afterEach, beforeEach, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

/** What a plan takes for granted where `up` would ask. */
let bed: ProgramBed

const file = (label: string): string =>
  `name: p\nservices: { web: { image: box:1, command: [serve], volumes: ["data:/d"] } }\nvolumes: { data: { labels: { a: ${label} } } }`

const question = `Volume "p_data" exists but doesn't match configuration in compose file. Recreate (data will be lost)?`

beforeEach(async () => {
  bed = await startProgramBed(program, { images: ['box:1'] })
  await bed.write('compose.yaml', file('b'))
  await bed.run('up', '-d')
  await bed.write('compose.yaml', file('c'))
})
afterEach(() => bed.close())

it.each([
  ['plan', ['plan']],
  ['up --plan', ['up', '--plan']],
  ['create --plan', ['create', '--plan']],
])('%s without --yes is the plan for no, and says that there is a question', async (_, args) => {
  const { code, stdout, stderr } = await bed.run(...args, '--detailed-exitcode')
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'nothing to do: 1 containers are as wanted\n' })
  expect(stderr).toContain('up would ask: this is the plan for no, --yes shows the one for yes')
})

it.each([
  ['plan', ['plan', '--yes', '--format', 'json']],
  ['up --plan', ['up', '-y', '--plan', '--plan-format', 'json']],
  ['create --plan', ['create', '--y', '--plan', '--plan-format', 'json']],
])('%s with --yes is the plan for yes', async (_, args) => {
  const { code, stdout } = await bed.run(...args, '--detailed-exitcode')
  expect(code).toBe(2)
  const { containers, resources, warnings } = JSON.parse(stdout) as Record<string, readonly { name: string }[]>
  expect(containers).toMatchObject([{ name: 'p-web-1', action: 'replace' }])
  expect(resources).toMatchObject([{ kind: 'volume', name: 'p_data', action: 'replace' }])
  expect(warnings).toEqual([])
})

it('a dry run asks as the command itself does, and shows what follows from the answer', async () => {
  const no = await bed.run('--dry-run', 'up', '-d')
  expect(no).toMatchObject({ code: 0, stdout: question })
  expect(no.stderr).not.toContain('p_data')
  const yes = await bed.run('--dry-run', 'up', '-d', '-y')
  expect(yes).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('Volume p_data  Created') })
  expect((await bed.run('plan', '--yes', '--detailed-exitcode')).code).toBe(2)
})
