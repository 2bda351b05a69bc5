import { afterEach, beforeEach, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

let bed: ProgramBed

beforeEach(async () => {
  bed = await startProgramBed(program, { images: ['box:1'] })
  await bed.write(
    'compose.yaml',
    `name: p
services:
  web: { image: box:1, depends_on: { init: { condition: service_completed_successfully } } }
  init: { image: box:1, command: ["false"] }
  db: { image: box:1, command: [serve] }
`,
  )
})

afterEach(() => bed.close())

function states(): readonly string[] {
  return [...bed.engine.state.containers.values()].map(({ name, status }) => `${name} ${status}`).sort()
}

it('a run whose dependency fails leaves no container of its own behind', async () => {
  const ran = await bed.run('run', '--rm', 'web', 'true')
  expect(ran.code).toBe(1)
  expect(ran.stderr).toContain(`service "init" didn't complete successfully: exit 1`)
  expect(states()).toEqual(['p-init-1 exited'])
})

it('what is run beside a service is no concern of stop, pause and rm, but of kill', async () => {
  await bed.run('up', '-d', 'db')
  await bed.run('run', '-d', '--name', 'one-off', 'db')
  await bed.run('run', '-d', '--name', 'one-off-over', 'db', 'true')
  await bed.run('pause')
  expect(states()).toEqual(['one-off running', 'one-off-over exited', 'p-db-1 paused'])
  await bed.run('unpause')
  await bed.run('stop')
  expect(states()).toEqual(['one-off running', 'one-off-over exited', 'p-db-1 exited'])
  expect((await bed.run('rm', '-f')).stdout).toBe('Going to remove p-db-1\n')
  expect(states()).toEqual(['one-off running', 'one-off-over exited'])
  await bed.run('up', '-d', 'db')
  await bed.run('kill')
  expect(states()).toEqual(['one-off exited', 'one-off-over exited', 'p-db-1 exited'])
})

it('COMPOSE_IGNORE_ORPHANS keeps orphans also where run was told to remove them, and is no error', async () => {
  await bed.run('up', '-d', 'db')
  await bed.write('compose.yaml', 'name: p\nservices: { web: { image: box:1 } }')
  await bed.write('.env', 'COMPOSE_IGNORE_ORPHANS=1')
  const ran = await bed.run('run', '--rm', '--remove-orphans', 'web', 'true')
  expect(ran).toMatchObject({ code: 0 })
  expect(states()).toEqual(['p-db-1 running'])
})

it('--pull and --build go for the dependencies too; --quiet-build keeps quiet of the service itself', async () => {
  await bed.write(
    'compose.yaml',
    `name: p
services:
  web: { image: box:1, build: ., depends_on: [db] }
  db: { image: box:1, build: . }
`,
  )
  const brought = async (...flags: readonly string[]): Promise<readonly string[]> => {
    const { stderr } = await bed.run('--dry-run', 'run', '-d', ...flags, 'web')
    return stderr.split('\n').filter((line) => /Pull|Buil/.test(line))
  }
  await bed.write('pull.yaml', 'name: p\nservices: { web: { image: box:1, depends_on: [db] }, db: { image: box:2 } }')
  const pulled = await bed.run('-f', 'pull.yaml', '--dry-run', 'run', '-d', '--pull', 'always', 'web')
  expect(pulled.stderr.match(/(?:web|db) Pulled/g)?.sort()).toEqual(['db Pulled', 'web Pulled'])
  expect(await brought()).toEqual([])
  expect((await brought('--build')).filter((line) => line.includes('Built'))).toHaveLength(1)
  expect((await brought('--build', '--quiet-build')).join('\n')).not.toMatch(/web/)
})

it('run ends with an error when the engine says that it started the container and did not', async () => {
  bed.engine.fail({ method: 'POST', path: /\/start$/, fault: { kind: 'reply', status: 204, body: '' } })
  const ran = await bed.run('run', '--name', 'one-off', 'db', 'true')
  expect(ran).toMatchObject({ code: 1, stdout: '' })
  expect(ran.stderr).toContain('container one-off was not started, though the engine said so')
}, 30_000)

it('a run whose container the engine never says to have started ends with the third Ctrl-C', async () => {
  bed.engine.fail({ path: /start$/, fault: { kind: 'lose-answer' } })
  const ran = bed.start('run', '--rm', '--no-deps', '-T', 'db')
  await expect.poll(states, { timeout: 30_000 }).toEqual([expect.stringMatching(/^p-db-run-\w+ running$/)])
  for (let count = 0; count < 3; count += 1) ran.signal('SIGINT')
  expect(await ran.code).toBe(130)
  expect(ran.stderr).toContain('got 3 SIGTERM/SIGINTs, forcefully exiting')
  expect([...bed.engine.state.volumes.keys()]).toEqual([])
})
