import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Context } from '../../cli/command.ts'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { learnEnv, readParallel, removesOrphans } from './compose-env.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

function makeContext(env: Context['env'], parallel?: number): Context {
  const globals = { parallel: parallel ?? -1, given: (name: string) => name === 'parallel' && parallel !== undefined }
  return { env, globals } as unknown as Context
}

it('calls at once: the flag before the variable, a variable of `.env` once it is known, none below 1', () => {
  expect(readParallel(makeContext({}))).toBe(64)
  expect(readParallel(makeContext({ COMPOSE_PARALLEL_LIMIT: '3' }))).toBe(3)
  expect(readParallel(makeContext({ COMPOSE_PARALLEL_LIMIT: '3' }, 5))).toBe(5)
  expect(readParallel(makeContext({}, -1))).toBe(64)
  expect(readParallel(makeContext({ COMPOSE_PARALLEL_LIMIT: '0' }))).toBe(64)
  expect(() => readParallel(makeContext({ COMPOSE_PARALLEL_LIMIT: 'many' }))).toThrow(
    'COMPOSE_PARALLEL_LIMIT must be an integer (found: "many")',
  )
  const ctx = makeContext({})
  learnEnv(ctx, { COMPOSE_PARALLEL_LIMIT: '2' })
  expect(readParallel(ctx)).toBe(2)
})

it('orphans are removed as the flag says, else as a variable of `.env` does', () => {
  const flags = (isGiven: boolean, value: boolean): Parameters<typeof removesOrphans>[1] => ({
    'remove-orphans': value,
    given: () => isGiven,
  })
  const ctx = makeContext({})
  expect(removesOrphans(ctx, flags(false, false))).toBe(false)
  learnEnv(ctx, { COMPOSE_REMOVE_ORPHANS: '1' })
  expect(removesOrphans(ctx, flags(false, false))).toBe(true)
  expect(removesOrphans(ctx, flags(true, false))).toBe(false)
})

// 2.40 takes such files, which editors on Windows and elder habits leave; a comment alone made a project unusable.
it('env files in another encoding are read, and values that are no text told of', async () => {
  const bed = await startProgramBed(program)
  try {
    const text = Buffer.from('# für alle\nTAG=1\nNAME="café"\n', 'latin1')
    await writeFile(join(bed.folder, '.env'), text)
    await bed.write('compose.yaml', 'services: { web: { image: "box:$TAG", env_file: .env } }\n')
    const { code, stdout, stderr } = await bed.run('config', '--images')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'box:1\n' })
    expect(stderr).toContain('The value of \\"NAME\\" is not UTF-8 text.')
    await writeFile(join(bed.folder, '.env'), text.subarray(0, text.indexOf('NAME')))
    expect(await bed.run('config', '--images')).toEqual({ code: 0, stdout: 'box:1\n', stderr: '' })
  } finally {
    await bed.close()
  }
})
