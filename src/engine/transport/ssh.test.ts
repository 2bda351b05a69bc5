import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSsh, renderDial } from './ssh.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'engine-ssh-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

describe('an engine behind ssh', () => {
  it('is dialled as the docker CLI does it', () => {
    expect(renderDial({ kind: 'ssh', host: 'node1' }).join(' ')).toBe(
      'ssh -o ConnectTimeout=30 -T -- node1 docker system dial-stdio',
    )
    const far = { kind: 'ssh', host: 'node1', user: 'ops', port: 2222, socketPath: '/run/my docker.sock' } as const
    expect(renderDial(far).join(' ')).toBe(
      "ssh -l ops -p 2222 -o ConnectTimeout=30 -T -- node1 docker --host 'unix:///run/my docker.sock' system dial-stdio",
    )
  })

  it('is reached through the first ssh on the absolute part of the PATH only', async () => {
    const program = join(folder, 'ssh')
    await writeFile(program, '#!/bin/sh\necho "called with PATH=$PATH and $*"\n')
    await chmod(program, 0o755)
    const stream = openSsh({ kind: 'ssh', host: 'node1' }, { PATH: `::.:bin:${folder}` })
    stream.end()
    let text = ''
    for await (const chunk of stream) text += String(chunk)
    expect(text).toBe(`called with PATH=${folder} and -o ConnectTimeout=30 -T -- node1 docker system dial-stdio\n`)
  })
})
