import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('start of a project of which nothing is known but its name is an error, unlike stop of it', async () => {
  const bed = await startProgramBed(program)
  try {
    const started = await bed.run('-p', 'nosuch', 'start')
    expect(started).toMatchObject({ code: 1, stdout: '' })
    expect(started.stderr).toBe('no container found for project "nosuch": not found\n')
    expect(await bed.run('-p', 'nosuch', 'stop')).toEqual({ code: 0, stdout: '', stderr: '' })
  } finally {
    await bed.close()
  }
})

it('start of a paused container is the error of the engine; up lets it run again', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', 'name: p\nservices: { web: { image: box:1, command: [serve] } }')
    await bed.run('up', '-d')
    await bed.run('pause')
    const started = await bed.run('start')
    expect(started).toMatchObject({ code: 1, stdout: '' })
    expect(started.stderr).toContain('cannot start a paused container, try unpause instead')
    expect(await bed.run('up', '-d')).toMatchObject({ code: 0 })
    expect((await bed.run('ps', '--services', '--status', 'running')).stdout).toBe('web\n')
  } finally {
    await bed.close()
  }
})
