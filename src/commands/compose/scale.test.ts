import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('scale builds a missing image, and none that is there', async () => {
  const bed = await startProgramBed(program, {}, { DOCKER_BUILDKIT: '0' })
  const builds = (): number => bed.engine.requests.filter(({ path }) => path === '/build').length
  try {
    const web = '{ build: { dockerfile_inline: FROM scratch }, command: [serve], pull_policy: build }'
    await bed.write('compose.yaml', `name: p\nservices: { web: ${web} }`)
    expect(await bed.run('scale', 'web=1')).toMatchObject({ code: 0 })
    expect(builds()).toBe(1)
    const [first] = [...bed.engine.state.containers.keys()]
    expect(await bed.run('scale', 'web=2')).toMatchObject({ code: 0 })
    expect(builds()).toBe(1)
    expect([...bed.engine.state.containers.keys()]).toEqual([first, expect.any(String)])
    expect(await bed.run('up', '-d')).toMatchObject({ code: 0 })
    expect(builds()).toBe(2)
  } finally {
    await bed.close()
  }
})
