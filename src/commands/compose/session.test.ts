import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

// docker-compose 2.40.3 warns and goes on as well, in words of Go's parser.
it.each<[string, string]>([
  ['{"auths": my-password', 'it is not JSON'],
  ['[]', 'it is not a JSON object'],
])(
  'a config.json of the docker command that cannot be taken is warned of once, and left out: %s',
  async (text, why) => {
    const bed = await startProgramBed(program, { images: ['web:1'], registry: ['db:1'] })
    try {
      await mkdir(join(bed.folder, '.docker'))
      await writeFile(join(bed.folder, '.docker/config.json'), text)
      await bed.write('compose.yaml', 'name: p\nservices: { db: { image: "db:1" }, web: { image: "web:1" } }')
      const warning = `WARNING: Error parsing config file (${bed.folder}/.docker/config.json): ${why}\n`
      for (const args of [
        ['pull', 'db'],
        ['up', '-d'],
        ['ps', '-q'],
      ]) {
        const { code, stderr } = await bed.run(...args)
        expect([code, stderr.split(warning).length], stderr).toEqual([0, 2])
        expect(stderr).not.toContain('my-password')
      }
    } finally {
      await bed.close()
    }
  },
)
