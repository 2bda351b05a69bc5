import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('a digest is asked of the engine when the registry cannot be reached from here', async () => {
  // Nothing listens on port 1.
  const image = '127.0.0.1:1/shop/web:2'
  const bed = await startProgramBed(program, { registry: [image] })
  try {
    await bed.write('compose.yaml', `services: { web: { image: "${image}" } }`)
    const locked = await bed.run('config', '--lock-image-digests')
    expect(locked).toMatchObject({ code: 0, stderr: '' })
    expect(locked.stdout).toMatch(/image: 127\.0\.0\.1:1\/shop\/web:2@sha256:[0-9a-f]{64}\n/)
    await bed.write('compose.yaml', 'services: { web: { image: "127.0.0.1:1/shop/other:2" } }')
    const unknown = await bed.run('config', '--resolve-image-digests')
    expect(unknown).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('manifest unknown') })
    expect(unknown.stderr).toMatch(
      /^failed to resolve digest for 127\.0\.0\.1:1\/shop\/other:2: Error response from daemon: /,
    )
  } finally {
    await bed.close()
  }
})
