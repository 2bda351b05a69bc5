import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import type { FakeProgram } from '../../testing/fake-engine/fake-engine.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

/** `brief CODE` runs for a moment: a look right after the start sees it running. */
const brief: FakeProgram = async ({ args, clock, signal }) => {
  await clock.sleep(150, signal)
  return Number(args[1])
}

describe('up --wait', () => {
  let bed: ProgramBed

  beforeEach(async () => {
    bed = await startProgramBed(program, { images: ['box:1'], programs: { brief } })
  })

  afterEach(() => bed.close())

  it.each([
    ['0', []],
    ['3', []],
    ['0', ['--wait-timeout', '5']],
  ])('fails for a service that ends at once, with code %s too: up --wait %j', async (code, flags) => {
    await bed.write(
      'compose.yaml',
      `name: p\nservices: { once: { image: box:1, command: [brief, "${code}"] }, web: { image: box:1 } }`,
    )
    const up = await bed.run('up', '--wait', ...flags)
    expect(up.code).toBe(1)
    expect(up.stderr).toContain(`container p-once-1 exited (${code})\n`)
  })

  it('does not for one that others want to see done, nor for one that goes on without a health check', async () => {
    await bed.write(
      'compose.yaml',
      `name: p
services:
  once: { image: box:1, command: [brief, "0"] }
  web:
    image: box:1
    healthcheck: { test: [NONE] }
    depends_on: { once: { condition: service_completed_successfully } }
`,
    )
    const startedMs = performance.now()
    expect(await bed.run('up', '--wait')).toMatchObject({ code: 0 })
    expect(performance.now() - startedMs).toBeGreaterThan(500)
  })
})
