import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('a service whose containers do not run is not running, whatever containers it has', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', 'services: { web: { image: box:1, command: [serve] } }')
    await bed.run('create')
    expect(await bed.run('attach', 'web')).toMatchObject({ code: 1, stderr: 'service "web" is not running\n' })
  } finally {
    await bed.close()
  }
})
