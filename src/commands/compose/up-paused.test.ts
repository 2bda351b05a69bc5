import { expect, it, vi } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { systemClock } from '../../io/clock.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

/** A container whose check was under way when it was paused is unhealthy when it goes on, until the next check. */

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }
const db = '  db: { image: box:1, command: [serve], healthcheck: { test: [CMD, "true"] } }\n'
const web = '  web: { image: box:1, command: [serve], depends_on: { db: { condition: service_healthy } } }\n'

/** Runs `up` of services whose `db` is paused and unhealthy, and lets a check say something once it has gone on for a while. */
async function upAndCheck(
  services: string,
  flag: string,
  health: 'healthy' | 'unhealthy',
): Promise<{ readonly code: number; readonly stderr: string; readonly running: string }> {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', `name: p\nservices:\n${services}`)
    await bed.run('up', '-d', 'db')
    bed.engine.setHealth('p-db-1', 'unhealthy', 'cut short')
    await bed.run('pause')
    const going = bed.run('up', flag)
    const isRunning = (): boolean =>
      [...bed.engine.state.containers.values()].some(({ name, status }) => name === 'p-db-1' && status === 'running')
    await vi.waitUntil(isRunning, { timeout: 20_000, interval: 5 })
    await systemClock.sleep(100)
    bed.engine.setHealth('p-db-1', health, 'checked again')
    const { code, stderr } = await going
    const { stdout: running } = await bed.run('ps', '--services', '--status', 'running')
    return { code, stderr, running }
  } finally {
    await bed.close()
  }
}

it.each(['-d', '--wait'])('up %s waits for what a check says after the pause', async (flag) => {
  expect(await upAndCheck(db + web, flag, 'healthy')).toMatchObject({ code: 0, running: 'db\nweb\n' })
})

it('up fails when that check fails, too', async () => {
  const done = await upAndCheck(db + web, '-d', 'unhealthy')
  expect(done).toMatchObject({ code: 1, running: 'db\n' })
  expect(done.stderr).toContain('container p-db-1 is unhealthy')
})

it('up --wait of the container alone waits as well', async () => {
  expect(await upAndCheck(db, '--wait', 'healthy')).toMatchObject({ code: 0 })
})
