import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('kill of a container that ends at the same moment is no failure; another signal has not been taken', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', 'name: p\nservices: { web: { image: box:1, command: [serve] } }')
    await bed.run('up', '-d')
    const message = 'Cannot kill container: x: Container x is not running'
    bed.engine.fail({ path: /kill$/, times: 2, fault: { kind: 'status', status: 409, message } })
    expect(await bed.run('kill')).toMatchObject({
      code: 0,
      stderr: ' Container p-web-1  Killing\n Container p-web-1  Killed\n',
    })
    const other = await bed.run('kill', '-s', 'HUP')
    expect(other.code).toBe(1)
    expect(other.stderr).toContain('is not running')
  } finally {
    await bed.close()
  }
})
