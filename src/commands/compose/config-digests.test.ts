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

// What docker-compose 2.40.3 prints: a lock file with a name would rename the project it is added to.
it('a lock file holds images in full and nothing else, without a tag beside a digest', async () => {
  const digest = `sha256:${'a'.repeat(64)}`
  const bed = await startProgramBed(program)
  try {
    const services = `{ a: { image: "web@${digest}", tty: true }, b: { image: "reg.io:5/x/y:1@${digest}" } }`
    await bed.write(
      'compose.yaml',
      `name: shop\nx-own: 1\nservices: ${services}\nnetworks: { default: { driver: d } }\n`,
    )
    const image = (name: string): string => `    image: ${name}@${digest}\n`
    const pinned = ['  a:\n', image('docker.io/library/web'), '  b:\n', image('reg.io:5/x/y')].join('')
    const locked = await bed.run('config', '--lock-image-digests')
    expect(locked).toEqual({ code: 0, stderr: '', stdout: `services:\n${pinned}` })
    const json = await bed.run('config', '--lock-image-digests', '--format', 'json')
    expect(Object.entries(JSON.parse(json.stdout) as object).map(([key]) => key)).toEqual(['name', 'services'])
    const whole = await bed.run('config', '--resolve-image-digests')
    expect(whole.stdout).toContain(`name: shop\n`)
    expect(whole.stdout).toContain(image('docker.io/library/web'))
    expect(whole.stdout).toContain('x-own: 1\n')
  } finally {
    await bed.close()
  }
})
