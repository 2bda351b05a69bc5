import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('--ansi always paints pictures into pipes too, unless another form is asked for', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', 'services: { web: { image: box:1, command: [serve] } }')
    const painted = (await bed.run('--ansi', 'always', 'up', '-d')).stderr
    expect(painted).toContain('\u001b[?25l')
    expect(painted).toMatch(/\[\+\] Running/)
    expect((await bed.run('stop')).stderr).not.toContain('\u001b')
    expect((await bed.run('--ansi', 'always', '--progress', 'json', 'start')).stderr).not.toContain('\u001b')
    expect(await bed.run('--ansi', 'never', 'down', '--rmi', '')).toMatchObject({ code: 0 })
  } finally {
    await bed.close()
  }
})
