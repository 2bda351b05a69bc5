import { expect, it } from 'vitest'
import { swarm } from '../../cli/personality.ts'
import { startManagerOver } from '../../testing/endpoint-bed.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { swarmCommands, swarmGlobals } from './table.ts'

it('swarm nodes says how long a node has not been healthy', async () => {
  const bed = await startProgramBed({ personality: swarm, globals: swarmGlobals, commands: swarmCommands })
  const dead = { endpoint: { kind: 'tcp', host: '127.0.0.1', port: 1 } } as const
  const manager = await startManagerOver([bed.engine, dead])
  try {
    await expect.poll(() => manager.cluster.healthyMembers().length, { timeout: 20_000 }).toBe(1)
    const { code, stdout } = await bed.run('nodes', '-H', manager.addresses[0] ?? '')
    expect(code).toBe(0)
    const states = stdout
      .split('\n')
      .slice(1, 3)
      .map((line) => line.split(/ {2,}/)[2])
    expect(states).toEqual(['healthy', expect.stringMatching(/^pending \((?:less than a second|\d+ seconds?)\)$/)])
    const json = JSON.parse((await bed.run('nodes', '-H', manager.addresses[0] ?? '', '--format', 'json')).stdout) as {
      readonly Since: string
    }[]
    expect(Math.abs(Date.now() - Date.parse(json[1]?.Since ?? ''))).toBeLessThan(60_000)
  } finally {
    manager.closeNow()
    await bed.close()
  }
})
