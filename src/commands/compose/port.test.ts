import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('an --index that is no number of a container means the first, and one that is missing is an error', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    const ports = '["127.0.0.1:8080:80"]'
    await bed.write('compose.yaml', `services: { web: { image: box:1, command: [serve], ports: ${ports} } }`)
    await bed.run('up', '-d')
    for (const index of ['-1', '0', '1']) {
      expect(await bed.run('port', '--index', index, 'web', '80')).toMatchObject({
        code: 0,
        stdout: '127.0.0.1:8080\n',
      })
    }
    expect(await bed.run('port', '--protocol', 'TCP', 'web', '80')).toMatchObject({ stdout: '127.0.0.1:8080\n' })
    const missing = await bed.run('port', '--index', '2', 'web', '80')
    expect(missing).toMatchObject({ code: 1, stderr: 'service "web" is not running container #2\n' })
  } finally {
    await bed.close()
  }
})
