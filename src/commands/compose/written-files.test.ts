import { afterEach, beforeEach, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

/** Files that commands write, in the words of docker-compose 2.40. */
let bed: ProgramBed

beforeEach(async () => {
  bed = await startProgramBed(program, { images: ['box:1'] })
  await bed.write('compose.yaml', 'name: p\nservices: { web: { image: box:1, command: [serve] } }')
  await bed.run('up', '-d')
})
afterEach(() => bed.close())

it('config -o into a folder that is not there', async () => {
  const { code, stdout, stderr } = await bed.run('config', '-o', '/nowhere/x.yaml')
  expect({ code, stdout, stderr }).toEqual({
    code: 1,
    stdout: '',
    stderr: 'open /nowhere/x.yaml: no such file or directory\n',
  })
})

it('config -o is for the project: lists go to stdout', async () => {
  expect(await bed.run('config', '--services', '-o', '/nowhere/x.yaml')).toMatchObject({ code: 0, stdout: 'web\n' })
})

it('export into a folder that is not there is refused before it begins', async () => {
  expect(await bed.run('export', 'web', '-o', '/nowhere/x.tar')).toMatchObject({
    code: 1,
    stderr: 'failed to export container: invalid output path: directory "/nowhere" does not exist\n',
  })
})

it.each([
  [['commit', 'web', 'kept:1'], 'Commit p-web-1', 'Committing', 'Committed'],
  [['export', 'web', '-o', 'x.tar'], 'export p-web-1 to x.tar', 'Exporting', 'Exported'],
])('progress of %s', async (args, text, begun, over) => {
  const json = await bed.run('--dry-run', '--progress', 'json', ...args)
  const dry = { 'dry-run': true, id: 'p-web-1', text }
  expect(
    json.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object),
  ).toEqual([
    { ...dry, status: begun },
    { ...dry, status: over },
  ])
  const plain = await bed.run('--dry-run', '--progress', 'plain', ...args)
  expect(plain.stderr).toBe([begun, over].map((word) => ` DRY-RUN MODE -  p-web-1 ${text} ${word}\n`).join(''))
})
