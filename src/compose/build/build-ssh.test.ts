import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { project, service } from '../../testing/compose-builders.ts'
import { checkSsh, openSsh } from './build-ssh.ts'
import { plainWishes, toImageBuild } from './definition.ts'
import type { ImageBuild } from './definition.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

function build(context: string): ImageBuild {
  const web = service('web', { build: { context } })
  return toImageBuild(project([web]), web, plainWishes)
}

async function startAgent(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'build-ssh-'))
  const path = join(folder, 'sock')
  const server = createServer((socket) => void socket.resume())
  await new Promise<void>((resolve) => server.listen(path, resolve))
  closers.push(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })
  return path
}

describe('a build from a repository', () => {
  it.each(['git@git.example:team/app.git', 'ssh://git@git.example/team/app.git'])(
    'over ssh is lent the agent: %s',
    async (context) => {
      const env = { SSH_AUTH_SOCK: await startAgent() }
      await checkSsh(build(context), env)
      const agent = await openSsh(build(context), 'default', env)
      expect(agent).toBeDefined()
      agent?.destroy()
      await expect(checkSsh(build(context), {})).rejects.toThrow('SSH_AUTH_SOCK is not set')
    },
  )

  it('over https is lent none', async () => {
    const plain = build('https://git.example/team/app.git')
    await checkSsh(plain, {})
    expect(await openSsh(plain, 'default', { SSH_AUTH_SOCK: await startAgent() })).toBeUndefined()
  })
})
