import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

// What docker-compose 2.40.3 prints, but for its order.
const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('names of images are those that a build would give, in compatibility mode too', async () => {
  const bed = await startProgramBed(program, {}, { COMPOSE_PROJECT_NAME: 'shop' })
  try {
    const own = 'own: { build: ., image: web:1 }, unset: { build: ., image: "" }'
    await bed.write('compose.yaml', `services: { built: { build: . }, ${own} }`)
    expect((await bed.run('config', '--images')).stdout).toBe('shop-built\nweb:1\nshop-unset\n')
    const compatible = await bed.run('--compatibility', 'config', '--images')
    expect(compatible.stdout).toBe('shop_built\nweb:1\nshop_unset\n')
  } finally {
    await bed.close()
  }
})

it('of all lists the variables alone are left out with --quiet', async () => {
  const bed = await startProgramBed(program, {}, { COMPOSE_PROJECT_NAME: 'shop' })
  try {
    await bed.write('compose.yaml', 'services: { web: { image: x } }')
    expect((await bed.run('config', '--environment')).stdout).toContain('COMPOSE_PROJECT_NAME=shop\n')
    expect(await bed.run('config', '--environment', '--quiet')).toEqual({ code: 0, stdout: '', stderr: '' })
    expect((await bed.run('config', '--services', '--quiet')).stdout).toBe('web\n')
  } finally {
    await bed.close()
  }
})

it.each<[string, Buffer, object]>([
  ['UTF-16', Buffer.from('\uFEFFservices: { web: { image: x } }', 'utf16le'), { code: 0, stdout: 'web\n' }],
  [
    'Latin-1',
    Buffer.from('services:\n  web: { image: x, hostname: "é" }', 'latin1'),
    { code: 1, stderr: 'cannot read "-": it is not UTF-8 text (line 2)\n' },
  ],
])('standard input is text of the same kinds as a file: %s', async (_, bytes, wanted) => {
  const bed = await startProgramBed(program)
  try {
    const running = bed.start('-f', '-', 'config', '--services')
    running.stdin.end(bytes)
    const code = await running.code
    expect({ code, stdout: running.stdout, stderr: running.stderr }).toMatchObject(wanted)
  } finally {
    await bed.close()
  }
})
