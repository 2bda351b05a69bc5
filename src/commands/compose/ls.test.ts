import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }

it('ls shows the projects that one of several filters names', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', 'services: { web: { image: box:1, command: [serve] } }')
    for (const name of ['shop', 'bank', 'other']) await bed.run('-p', name, 'up', '-d')
    const list = async (...filters: readonly string[]): Promise<string> =>
      (await bed.run('ls', '-q', ...filters.flatMap((filter) => ['--filter', filter]))).stdout
    expect(await list('name=sho', 'name=^b')).toBe('bank\nshop\n')
    expect(await list('name=^o')).toBe('other\n')
    expect(await list()).toBe('bank\nother\nshop\n')
  } finally {
    await bed.close()
  }
})

it('ls -q and images -q print what they print whatever the format is', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', 'services: { web: { image: box:1, command: [serve] } }')
    await bed.run('-p', 'shop', 'up', '-d')
    expect(await bed.run('ls', '-q', '--format', 'table {{.Name}}')).toMatchObject({ code: 0, stdout: 'shop\n' })
    expect(await bed.run('-p', 'shop', 'images', '-q', '--format', 'xx')).toMatchObject({ code: 0, stderr: '' })
    expect(await bed.run('ls', '--format', 'table {{.Name}}')).toMatchObject({ code: 1 })
  } finally {
    await bed.close()
  }
})

it('ls says N/A of a project whose containers tell no files', async () => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    const Labels = { 'com.docker.compose.project': 'odd', 'com.docker.compose.config-hash': 'h' }
    bed.engine.addContainer({ Image: 'box:1', Labels }, { name: 'odd', state: 'running' })
    expect((await bed.run('ls')).stdout).toMatch(/^odd +running\(1\) +N\/A$/m)
    expect(JSON.parse((await bed.run('ls', '--format', 'json')).stdout)).toMatchObject([{ ConfigFiles: 'N/A' }])
  } finally {
    await bed.close()
  }
})
