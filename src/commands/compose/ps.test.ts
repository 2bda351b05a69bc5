import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('ps --format raw has a field a line', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', 'name: p\nservices: { web: { image: box:1, command: [serve] } }')
    await bed.run('up', '-d')
    const ps = await bed.run('ps', '--format', 'raw')
    const lines = ps.stdout.replace(/^(container_id|created_at|labels|status): .*/gm, '$1: *')
    expect(lines).toBe(`container_id: *
image: box:1
command: "serve"
created_at: *
state: running
status: *
names: p-web-1
labels: *
ports:

`)
  } finally {
    await bed.close()
  }
})
