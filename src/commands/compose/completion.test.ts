import { afterEach, beforeEach, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

/** What `__complete` answers to shells: candidates, then what the shell is to do besides. */
let bed: ProgramBed

beforeEach(async () => {
  bed = await startProgramBed(program, { images: ['box:1'] })
  const services = ['web', 'db', 'job'].map((name) => `  ${name}: { image: box:1, command: [serve] }\n`).join('')
  await bed.write(
    'compose.yaml',
    `name: shop\nservices:\n${services}  tool: { image: box:1, command: [serve], profiles: [tools] }\n`,
  )
})
afterEach(() => bed.close())

async function complete(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await bed.run('__complete', ...words)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.trim().split('\n').join(' ')
}

it.each([
  [['--progress', ''], 'auto tty plain json quiet :4'],
  [['--progress=p'], '--progress=plain :4'],
  [['--ansi', 'a'], 'auto always :4'],
  [['-f', ''], 'yaml yml :8'],
  [['--project-directory', ''], ':16'],
  [['--env-file', ''], ':0'],
  [['--profile', ''], 'tools :4'],
  [['config', '--format', ''], 'yaml json :4'],
  [['pull', '--policy', ''], 'missing always :4'],
  [['down', '--rmi', ''], 'local all :4'],
  [['kill', '-s', 'SIGU'], 'SIGUSR1 SIGUSR2 :4'],
  [['up', '--pull', 'm'], 'missing :4'],
  [['ps', '--status', 'ru'], 'running :4'],
])('%j: values of flags', async (words, answer) => {
  expect(await complete(...words)).toBe(answer)
})

it('services are those of every profile, and not twice', async () => {
  expect(await complete('up', '')).toBe('db job tool web :4')
  expect(await complete('up', 'web', '')).toBe('db job tool :4')
  expect(await complete('up', '--attach', 'w')).toBe('web :4')
  expect(await complete('scale', 'web=2', '')).toBe('db= job= tool= :6')
  expect(await complete('alpha', 'watch', 'w')).toBe('web :4')
})

it('cp takes files and services', async () => {
  expect(await complete('cp', '')).toBe('db: job: tool: web: :2')
  expect(await complete('cp', 'web:/etc/hosts', 'd')).toBe('db: :2')
})

it('services are offered by the state of their containers', async () => {
  await bed.run('up', '-d')
  await bed.run('stop', 'job')
  await bed.run('pause', 'db')
  expect(await complete('start', '')).toBe('job :4')
  expect(await complete('rm', '')).toBe('job :4')
  expect(await complete('exec', '')).toBe('web :4')
  expect(await complete('unpause', '')).toBe('db :4')
  expect(await complete('logs', '')).toBe('db job tool web :4')
})

it('projects are asked for at the engine, where a file is missing the services too', async () => {
  await bed.run('up', '-d')
  expect(await complete('-p', '')).toBe('shop :4')
  await bed.write('compose.yaml', 'services: [')
  expect(await complete('-p', 'shop', 'logs', '')).toBe('db job web :4')
})

it('without an engine the file has the services', async () => {
  expect(await complete('-H', 'unix:///nowhere/docker.sock', 'exec', 'w')).toBe('web :4')
  expect(await complete('-H', 'unix:///nowhere/docker.sock', '-p', '')).toBe(':4')
})
