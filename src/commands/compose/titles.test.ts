import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('progress on a terminal stands under the titles of docker-compose 2.40', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', 'name: p\nservices: { web: { image: box:1, command: [serve] } }')
    // Each works on what the one before has left.
    const story: readonly (readonly [readonly string[], readonly string[]])[] = [
      [['create'], ['Creating']],
      [['start'], ['Running']],
      [['restart'], ['Restarting']],
      [['pause'], ['Pausing']],
      [['unpause'], ['Running']],
      [['stop'], ['Stopping']],
      [['rm', '-f'], ['Removing']],
      [['up', '-d'], ['Running']],
      [['kill'], ['Killing']],
      [['up', '-d'], ['Running']],
      [
        ['rm', '-fs'],
        ['Stopping', 'Removing'],
      ],
      [['down'], ['Running']],
    ]
    for (const [command, titles] of story) {
      const { stderr } = await bed.run('--progress', 'tty', ...command)
      const seen = [...stderr.matchAll(/\[\+\] (\w+) \d/g)].map((match) => match[1] ?? '')
      expect({ command, titles: [...new Set(seen)] }).toEqual({ command, titles })
    }
  } finally {
    await bed.close()
  }
})
