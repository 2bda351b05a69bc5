import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

let bed: ProgramBed
afterEach(() => bed.close())

async function build(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<string> {
  bed = await startProgramBed(program, { images: ['box:1'] }, env)
  await bed.write(
    'compose.yaml',
    'services: { web: { build: { dockerfile_inline: FROM box:1 } }, plain: { image: box:1, command: [serve] } }',
  )
  await mkdir(join(bed.folder, '.docker/buildx/instances'), { recursive: true })
  for (const name of ['far', 'near']) await bed.write(`.docker/buildx/instances/${name}`, '{}')
  return (await bed.run('--dry-run', 'build', ...args)).stderr
}

it.each([
  [{ BUILDX_BUILDER: 'far' }, [], 'BUILDX_BUILDER=far has no effect: images are built by the engine itself'],
  [{ BUILDX_BUILDER: 'far' }, ['--builder', 'near'], '--builder near has no effect'],
])('a builder of its own is not used, which is said: %j %j', async (env, args, text) => {
  expect(await build(env, ...args)).toContain(text)
})

it.each([[{ BUILDX_BUILDER: '' }], [{ BUILDX_BUILDER: 'default' }]])('the engine is the builder of %j', async (env) => {
  expect(await build(env)).not.toContain('has no effect')
})

it('a limit of memory that BuildKit does not set is said to have no effect', async () => {
  expect(await build({}, '--memory', '1g')).toContain('--memory has no effect')
})

it('a limit of memory counts for the classic builder, and without one nothing is said', async () => {
  expect(await build({ DOCKER_BUILDKIT: '0' }, '--memory', '1g')).not.toContain('no effect')
})

it.each([
  [{}, ['--builder', 'nosuch']],
  [{ BUILDX_BUILDER: 'nosuch' }, []],
])('a builder that buildx does not know is an error: %j %j', async (env, args) => {
  expect(await build(env, ...args)).toContain('no builder "nosuch" found\n')
  expect((await bed.run('build', ...args)).code).toBe(1)
  // Nothing is built.
  expect((await bed.run('build', '--print', ...args)).code).toBe(0)
})

it.each([
  [['up', '-d']],
  [['up', '-d', '--build']],
  [['create', '--build']],
  [['run', '--build', 'web']],
  [['scale', 'web=2']],
])('a builder that buildx does not know ends all that builds: %j', async (args) => {
  await build({ BUILDX_BUILDER: 'nosuch' })
  const failed = await bed.run(...args)
  expect(failed.code).toBe(1)
  expect(failed.stderr).toContain('no builder "nosuch" found\n')
  expect(await bed.run('up', '-d', '--no-deps', 'plain')).toMatchObject({ code: 0 })
})

it('a builder of its own is said not to be used once, and only where something is built', async () => {
  await build({ BUILDX_BUILDER: 'far' })
  const noted = 'BUILDX_BUILDER=far has no effect'
  expect((await bed.run('--dry-run', 'up', '-d')).stderr.split(noted)).toHaveLength(2)
  expect((await bed.run('up', '-d', 'plain')).stderr).not.toContain(noted)
})

it('the classic builder has no builders', async () => {
  expect(await build({ DOCKER_BUILDKIT: '0' }, '--builder', 'nosuch')).not.toContain('no builder')
})

it.each([[['build']], [['up', '-d']], [['--progress', 'auto', 'create', '--build']], [['run', 'web']]])(
  'a form of progress that BuildKit does not know ends what builds: %j',
  async (args) => {
    await build({ BUILDKIT_PROGRESS: 'zz' })
    const failed = await bed.run(...args)
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain('invalid progress mode zz\n')
  },
)

it('a picture of a build wants a terminal', async () => {
  expect(await build({ BUILDKIT_PROGRESS: 'tty' })).toContain('failed to get console')
})

it.each([
  [{ BUILDKIT_PROGRESS: 'zz' }, ['--progress', 'plain', 'build']],
  [{ BUILDKIT_PROGRESS: 'zz', COMPOSE_PROGRESS: 'json' }, ['build']],
  [{ BUILDKIT_PROGRESS: 'zz' }, ['--ansi', 'never', 'build']],
  [{ BUILDKIT_PROGRESS: 'zz' }, ['build', '--quiet']],
  [{ BUILDKIT_PROGRESS: 'zz', DOCKER_BUILDKIT: '0' }, ['build']],
  [{ BUILDKIT_PROGRESS: 'zz' }, ['up', '-d', 'plain']],
  [{ BUILDKIT_PROGRESS: 'rawjson' }, ['build']],
  [{ BUILDKIT_PROGRESS: '' }, ['build']],
])('BuildKit has no say in how progress is shown: %j %j', async (env, args) => {
  await build(env)
  expect((await bed.run('--dry-run', ...args)).stderr).not.toContain('invalid progress mode')
})
