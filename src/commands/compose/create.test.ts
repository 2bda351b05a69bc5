import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('create removes no orphans for COMPOSE_REMOVE_ORPHANS, unlike up', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] }, { COMPOSE_REMOVE_ORPHANS: '1' })
  try {
    const web = 'web: { image: box:1, command: [serve] }'
    await bed.write('compose.yaml', `name: p\nservices: { ${web}, old: { image: box:1, command: [serve] } }`)
    await bed.run('up', '-d')
    await bed.write('compose.yaml', `name: p\nservices: { ${web} }`)
    const list = async (): Promise<string> => (await bed.run('ps', '-a', '--format', '{{.Name}}')).stdout
    const created = await bed.run('create')
    expect(created).toMatchObject({ code: 0 })
    expect(created.stderr).toContain('Found orphan containers ([p-old-1])')
    expect(await list()).toBe('p-old-1\np-web-1\n')
    await bed.run('up', '-d')
    expect(await list()).toBe('p-web-1\n')
  } finally {
    await bed.close()
  }
})

it('configs that are copied in are as old as the container, so that what goes by size and time sees a change', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    const before = Math.floor(Date.now() / 1000) * 1000
    await bed.write(
      'compose.yaml',
      'services: { web: { image: box:1, command: [serve], configs: [c] } }\nconfigs: { c: { content: text } }',
    )
    expect(await bed.run('up', '-d')).toMatchObject({ code: 0 })
    const [container] = bed.engine.state.containers.values()
    expect(container?.files.get('/c')?.mtimeMs).toBeGreaterThanOrEqual(before)
  } finally {
    await bed.close()
  }
})

it('asks among the output whether a volume that differs may be made anew, when nobody sits at a terminal', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    const file = (label: string): string =>
      `name: p\nservices: { web: { image: box:1, command: [serve], volumes: ["data:/d"] } }\nvolumes: { data: { labels: { a: ${label} } } }`
    await bed.write('compose.yaml', file('b'))
    await bed.run('create')
    await bed.write('compose.yaml', file('c'))
    expect(await bed.run('create')).toMatchObject({
      code: 0,
      stdout: `Volume "p_data" exists but doesn't match configuration in compose file. Recreate (data will be lost)?`,
    })
  } finally {
    await bed.close()
  }
})
