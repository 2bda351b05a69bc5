import { afterEach, beforeEach, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

/** A dry run shows what the command would do, and does what changes nothing. */
let bed: ProgramBed

beforeEach(async () => {
  bed = await startProgramBed(program, { images: ['box:1'] })
  const services = ['web: { image: box:1, command: [serve] }', 'once: { image: box:1, command: [sleep, "0.2"] }']
  await bed.write('compose.yaml', `name: p\nservices: { ${services.join(', ')} }`)
})
afterEach(() => bed.close())

it('rm --stop shows the removal of what runs now, too', async () => {
  await bed.run('up', '-d', 'web')
  const { code, stdout, stderr } = await bed.run('--dry-run', 'rm', '-fs', 'web')
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'Going to remove p-web-1\n' })
  expect(stderr).toContain('Container p-web-1  Stopped')
  expect(stderr).toContain('Container p-web-1  Removed')
  expect((await bed.run('ps', '-q')).stdout).not.toBe('')
})

it('wait changes nothing, so it waits as ever', async () => {
  await bed.run('up', '-d', 'once')
  const { code, stdout } = await bed.run('--dry-run', 'wait', 'once')
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/exited with status code 0\n$/) })
})

it('exec -d says what it would run; without -d there would be nothing to show', async () => {
  await bed.run('up', '-d', 'web')
  expect(await bed.run('--dry-run', 'exec', '-d', 'web', 'touch', 'a "b"')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /^ DRY-RUN MODE - Executing command \["touch" "a \\"b\\""\] in [0-9a-f]{64} \(detached mode\)\n$/,
    ),
  })
  expect((await bed.run('--dry-run', 'exec', 'web', 'true')).code).toBe(1)
})

it('up --wait, which leaves what it starts alone, has no output to show', async () => {
  expect(await bed.run('--dry-run', 'up', '--wait')).toMatchObject({ code: 0, stdout: '' })
  expect((await bed.run('--dry-run', 'up')).stdout).toMatch(/^end of 'compose up' output/)
})

it('publish says what it would publish', async () => {
  expect(await bed.run('--dry-run', 'publish', 'localhost:1/shop/p:2')).toMatchObject({
    code: 0,
    stderr: ' DRY-RUN MODE -  localhost:1/shop/p:2 publishing \n DRY-RUN MODE -  localhost:1/shop/p:2 published \n',
  })
})

it('says whom a provider that is not called would have told something', async () => {
  const services = [
    'web: { image: box:1, depends_on: [db] }',
    'alone: { image: box:1 }',
    'db: { provider: { type: cloud } }',
  ]
  await bed.write('compose.yaml', `name: p\nservices: { ${services.join(', ')} }`)
  expect((await bed.run('--dry-run', 'up', '-d')).stderr).toContain(
    'provider of service \\"db\\" is not called: what it would tell web is taken to be what they were told last',
  )
})

it('says which services would be told of models', async () => {
  const web = 'web: { image: box:1, models: [small] }'
  await bed.write(
    'compose.yaml',
    `name: p\nservices: { ${web}, alone: { image: box:1 } }\nmodels: { small: { model: ai/small } }`,
  )
  expect((await bed.run('--dry-run', 'up', '-d')).stderr).toContain(
    'models are not asked for: what web would be told of them is taken to be what they were told last',
  )
})

it('a plan shows no replacement of what is as a provider left it', async () => {
  const write = (web: string): Promise<void> =>
    bed.write('compose.yaml', `name: p\nservices: { web: { image: box:1, ${web} }, db: { provider: { type: cloud } } }`)
  // What a provider would have told it.
  await bed.write('compose.yaml', 'name: p\nservices: { web: { image: box:1, environment: { A: 1, DB_URL: "x=y" } } }')
  expect((await bed.run('up', '-d')).code).toBe(0)
  await write('environment: { A: 1 }, depends_on: [db]')
  const same = await bed.run('up', '--plan', '--detailed-exitcode')
  expect({ code: same.code, stdout: same.stdout }).toEqual({
    code: 0,
    stdout: expect.stringContaining('nothing to do'),
  })
  await write('environment: { A: 2 }, depends_on: [db]')
  const other = await bed.run('up', '--plan', '--detailed-exitcode')
  expect({ code: other.code, stdout: other.stdout }).toEqual({
    code: 2,
    stdout: expect.stringContaining('environment'),
  })
})

it.each(['up', 'ps', 'down', 'alpha viz'])(
  'help and completion of %s have the flag that every command takes',
  async (words) => {
    const help = await bed.run(...words.split(' '), '--help')
    expect(help.stdout).toMatch(/^ {6}--dry-run +Show what would be done, change nothing$/m)
    const complete = await bed.run('__complete', ...words.split(' '), '--dry')
    expect(complete.stdout).toBe('--dry-run\tShow what would be done, change nothing\n:4\n')
  },
)
