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
    await expect.poll(() => events.stdout, { timeout: 30_000 }).toContain('container create')
    bed.engine.dropStreams()
    expect(await events.code).toBe(1)
    expect(events.stderr).toMatch(/^the event stream ended\n/)
  } finally {
    await bed.close()
  }
})

it('events of a fleet are followed again when their manager ends, each once', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'], serverVersion: 'swarm/0.1.0' })
  try {
    await bed.write('compose.yaml', 'name: p\nservices: { web: { image: box:1, command: [serve] } }')
    const events = bed.start('events')
    await expect.poll(() => bed.engine.requests.some(({ path }) => path === '/version')).toBe(true)
    await bed.run('create')
    await expect.poll(() => events.stdout, { timeout: 30_000 }).toContain('container create')
    bed.engine.dropStreams()
    await bed.run('start')
    await expect.poll(() => events.stdout, { timeout: 30_000 }).toContain('container start')
    bed.engine.dropStreams()
    await bed.run('kill')
    await expect.poll(() => events.stdout, { timeout: 30_000 }).toContain('container die')
    events.signal('SIGINT')
    expect(await events.code).toBe(130)
    const told = events.stdout.match(/container \w+(?= )/g) ?? []
    expect(told).toEqual([...new Set(told)])
    const line = /^the event stream ended; following again at tcp:\/\/127\.0\.0\.1:\d+\n/
    expect(events.stderr).toMatch(line)
    expect(events.stderr.split('following again')).toHaveLength(3)
  } finally {
    await bed.close()
  }
})

it('events of a fleet end with --until, also where a manager ends before', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'], serverVersion: 'swarm/0.1.0' })
  try {
    await bed.write('compose.yaml', 'name: p\nservices: { web: { image: box:1, command: [serve] } }')
    const events = bed.start('events', '--until', String(Date.now() / 1000 + 8))
    await expect.poll(() => bed.engine.requests.some(({ path }) => path === '/version')).toBe(true)
    bed.engine.dropStreams()
    await bed.run('create')
    expect(await events.code).toBe(0)
    expect(events.stdout).toContain('container create')
  } finally {
    await bed.close()
  }
})
