import process from 'node:process'
import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { describeSelf } from '../../compose/lock/owner.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it.runIf(process.platform === 'linux')(
  'removes the lock that a killed command has left, also where there is nothing else (Linux)',
  async () => {
    const bed = await startProgramBed(program)
    try {
      await bed.write('compose.yaml', 'name: p\nservices: { web: { image: "box:1" } }\n')
      const volume = { Driver: 'local', Mountpoint: '', CreatedAt: '', Scope: 'local', Options: null } as const
      const leave = async (change: object): Promise<void> => {
        const owner = { ...(await describeSelf('docker-compose down', 'other', 0)), ...change }
        const Labels = { 'flotilla.lock.project': 'p', 'flotilla.lock.owner': JSON.stringify(owner) }
        bed.engine.state.volumes.set('flotilla-lock_p_4', { ...volume, Name: 'flotilla-lock_p_4', Labels })
      }
      const volumes = (): readonly string[] => [...bed.engine.state.volumes.keys()]
      await leave({ computer: 'elsewhere' })
      expect([(await bed.run('down')).code, volumes()]).toEqual([0, ['flotilla-lock_p_4']])
      await leave({ startTicks: '1' })
      expect([(await bed.run('--dry-run', 'down')).code, volumes()]).toEqual([0, ['flotilla-lock_p_4']])
      const { code, stderr } = await bed.run('down')
      expect([code, volumes()]).toEqual([0, []])
      expect(stderr.match(/No resource found to remove/g)).toHaveLength(1)
    } finally {
      await bed.close()
    }
  },
)
