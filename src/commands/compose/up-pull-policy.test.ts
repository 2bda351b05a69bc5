import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it.each([
  ['up', '-d', '--build'],
  ['create', '--build'],
  ['run', '-d', '--build', 'web'],
])('%s %s %s leaves an image alone that is not old enough to be looked for anew', async (...argv) => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    const image = {
      Id: 'sha256:1',
      Os: 'linux',
      Architecture: 'amd64',
      Metadata: { LastTagTime: new Date().toISOString() },
    }
    const body = JSON.stringify(image)
    bed.engine.fail({
      path: /^\/images\/[^/]+\/json$/,
      fault: { kind: 'reply', contentType: 'application/json', body },
    })
    await bed.write(
      'compose.yaml',
      'name: p\nservices: { web: { image: box:1, command: [serve], pull_policy: weekly } }',
    )
    expect(await bed.run(...argv)).toMatchObject({ code: 0 })
    expect(bed.engine.requests.map(({ path }) => path)).not.toContain('/images/create')
  } finally {
    await bed.close()
  }
})
