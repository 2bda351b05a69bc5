import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('a run whose dependency fails leaves no container of its own behind', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write(
      'compose.yaml',
      `name: p
services:
  web: { image: box:1, depends_on: { init: { condition: service_completed_successfully } } }
  init: { image: box:1, command: ["false"] }
`,
    )
    const ran = await bed.run('run', '--rm', 'web', 'true')
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain(`service "init" didn't complete successfully: exit 1`)
    expect([...bed.engine.state.containers.values()].map(({ name }) => name)).toEqual(['p-init-1'])
  } finally {
    await bed.close()
  }
})
