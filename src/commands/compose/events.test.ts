import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('events that end without being asked to are a failure', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', 'name: p\nservices: { web: { image: box:1 } }')
    await bed.run('create')
    expect((await bed.run('events', '--since', '1m', '--until', '0s')).code).toBe(0)
    const events = bed.start('events', '--since', '1m')
    await expect.poll(() => events.stdout, { timeout: 10_000 }).toContain('container create')
    bed.engine.dropStreams()
    expect(await events.code).toBe(1)
    expect(events.stderr).toMatch(/^the event stream ended\n/)
  } finally {
    await bed.close()
  }
})
