import { afterEach, beforeEach, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

/** Flags of earlier versions, in the words of docker-compose 2.40. */
const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

let bed: ProgramBed

beforeEach(async () => {
  bed = await startProgramBed(program, { images: ['box:1'] })
  await bed.write('compose.yaml', 'name: p\nservices: { web: { image: box:1, command: [serve] } }')
})

afterEach(() => bed.close())

it.each([
  [
    ['--workdir', '.', 'config', '-q'],
    "\u001B[31moption '--workdir' is DEPRECATED at root level! Please use '--project-directory' instead.\u001B[0m\n",
  ],
  [['--no-ansi', 'config', '-q'], "option '--no-ansi' is DEPRECATED ! Please use '--ansi' instead.\n"],
])('%j works and says what is used today', async (args, note) => {
  expect(await bed.run(...args)).toEqual({ code: 0, stdout: '', stderr: note })
})

it('flags of pull that have no effect say so', async () => {
  const pulled = await bed.run('pull', '--policy', 'missing', '--parallel', '--no-parallel')
  expect(pulled).toMatchObject({ code: 0 })
  expect(pulled.stderr).toContain("option '--parallel' is DEPRECATED and will be ignored.")
  expect(pulled.stderr).toContain("option '--no-parallel' is DEPRECATED and will be ignored.")
})

it('up --y is up --yes, with a warning', async () => {
  const up = await bed.run('up', '-d', '--y')
  expect(up).toMatchObject({ code: 0 })
  expect(up.stderr).toContain('level=warning msg="--y is deprecated, please use --yes instead"')
  expect((await bed.run('up', '-d', '--yes')).stderr).not.toContain('deprecated')
})

it('run names -T as it always has', async () => {
  expect((await bed.run('run', '-T=x', 'web')).stderr).toContain('invalid argument "x" for "-T, --no-TTY" flag')
  expect((await bed.run('run', '--help')).stdout).toContain('-T, --no-TTY')
})

it('build takes --progress after the command word, and refuses what no form of progress is called', async () => {
  await bed.write('compose.yaml', 'name: p\nservices: { web: { image: box:1, build: . } }')
  const wrong = await bed.run('build', '--progress', 'zz')
  expect(wrong.code).toBe(1)
  expect(wrong.stderr).toContain('--progress is a global compose flag, better use `docker compose --progress xx build')
  expect(wrong.stderr).toContain('unsupported --progress value "zz"')
  expect((await bed.run('build', '-m', 'zz')).stderr).toContain(
    'invalid argument "zz" for "-m, --memory" flag: invalid size: \'zz\'',
  )
})

it('an equals sign with nothing behind it is the value of a short flag', async () => {
  const wrong = await bed.run('-p=', 'config', '-q')
  expect(wrong.code).toBe(1)
  expect(wrong.stderr).toContain('invalid project name "="')
})

it('logs leave out services that are not attached to, unless they are named', async () => {
  await bed.write(
    'compose.yaml',
    `name: p
services:
  web: { image: box:1, command: [echo, one] }
  quiet: { image: box:1, command: [echo, two], attach: false }`,
  )
  await bed.run('up', '-d')
  expect((await bed.run('logs', '--no-log-prefix')).stdout).toBe('one\n')
  expect((await bed.run('logs', '--no-log-prefix', 'quiet')).stdout).toBe('two\n')
})

it.each(['stop', 'kill', 'pause', 'unpause', 'rm -f', 'rm -fs'])(
  '%s of a service that only labels could tell of is no mistake',
  async (verb) => {
    await bed.run('up', '-d')
    expect(await bed.run('-p', 'p', ...verb.split(' '), 'gone')).toMatchObject({ code: 0 })
    expect(await bed.run(...verb.split(' '), 'gone')).toMatchObject({ code: 1, stdout: '' })
  },
)

it('down of nothing warns as other warnings are written', async () => {
  const { code, stderr } = await bed.run('-p', 'nothing', 'down')
  expect(code).toBe(0)
  expect(stderr).toMatch(
    /^time="[^"]+" level=warning msg="Warning: No resource found to remove for project \\"nothing\\"\."\n$/,
  )
})
