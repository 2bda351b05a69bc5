import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join, normalize } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../io/clock.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { fetchGit } from './git.ts'
import type { FetchOptions } from './git.ts'
import { parseRemote } from './reference.ts'
import type { GitReference } from './reference.ts'

/** Trees fetched by the real git from repositories that mean no good, over HTTP from this computer. */

let folder = ''
let server: Server
const env = { PATH: process.env['PATH'], HOME: '', GIT_CONFIG_NOSYSTEM: '1' }

function git(...words: readonly string[]): string {
  const own = ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'protocol.file.allow=always']
  return execFileSync('git', [...own, ...words], { encoding: 'utf8', env: { ...process.env, ...env } })
}

/** Makes a repository of a worktree and has it served. */
function serve(name: string, fill: (worktree: string) => void): string {
  const worktree = join(folder, `${name}-tree`)
  git('init', '--quiet', '-b', 'main', worktree)
  fill(worktree)
  git('-C', worktree, 'add', '-A')
  git('-C', worktree, 'commit', '--quiet', '-m', 'one')
  git('clone', '--quiet', '--bare', worktree, join(folder, `${name}.git`))
  git('-C', join(folder, `${name}.git`), 'update-server-info')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/${name}.git`
}

function fetch(url: string, o: Partial<FetchOptions> = {}): ReturnType<typeof fetchGit> {
  return fetchGit(parseRemote(url) as GitReference, { clock: systemClock, env, cache: join(folder, 'cache'), ...o })
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'remote-git-'))
  env.HOME = folder
  server = createServer((request, response) => {
    const path = join(folder, normalize(new URL(request.url ?? '/', 'http://h').pathname))
    if (existsSync(path)) response.end(readFileSync(path))
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => {
  server?.closeAllConnections()
  server?.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('a tree from Git (H-P2)', () => {
  it('comes without what its submodules name, and links stay links', async () => {
    git('init', '--quiet', '-b', 'main', join(folder, 'secret'))
    writeFileSync(join(folder, 'secret', 'key'), 'k')
    git('-C', join(folder, 'secret'), 'add', '-A')
    git('-C', join(folder, 'secret'), 'commit', '--quiet', '-m', 'k')
    const url = serve('subs', (tree) => {
      writeFileSync(join(tree, 'compose.yaml'), 'services: {}\n')
      symlinkSync('/etc', join(tree, 'etc'))
      git('-C', tree, 'submodule', '--quiet', 'add', join(folder, 'secret'), 'sub')
    })
    const { root } = await fetch(url)
    expect(readdirSync(root).sort()).toEqual(['.git', '.gitmodules', 'compose.yaml', 'etc', 'sub'])
    expect(readdirSync(join(root, 'sub'))).toEqual([])
  })

  it('is given up when it takes more room than it may, and nothing of it stays', async () => {
    const url = serve('huge', (tree) => {
      // Few bytes on the wire, many on disk.
      writeFileSync(join(tree, 'zeros'), Buffer.alloc(4_000_000))
      writeFileSync(join(tree, 'noise'), randomBytes(1000))
    })
    const cache = join(folder, 'small-cache')
    const refused = fetch(url, { cache, maxTreeBytes: 1_000_000 })
    await expect(refused).rejects.toThrow(`refusing ${url}: it takes more than 1000000 bytes`)
    expect(readdirSync(cache)).toEqual([])
    expect((await fetch(url, { cache })).root).toContain(cache)
  })

  it('is not touched by a repository that we are called from', async () => {
    const url = serve('plain', (tree) => writeFileSync(join(tree, 'compose.yaml'), 'services: {}\n'))
    const other = join(folder, 'other')
    const { root } = await fetch(url, { env: { ...env, GIT_DIR: other, GIT_WORK_TREE: other, GIT_INDEX_FILE: other } })
    expect(readdirSync(root)).toEqual(['.git', 'compose.yaml'])
    expect(existsSync(other)).toBe(false)
  })

  it('that does not come in time is named', async () => {
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    const script = '#!/bin/sh\ncase "$*" in *fetch*) exec sleep 1000 ;; esac\n'
    writeFileSync(join(bin, 'git'), script, { mode: 0o755 })
    const clock = manualClock()
    const url = `https://ann:secret@git.example/team/app.git#${'a'.repeat(40)}`
    const ends: unknown[] = []
    fetch(url, { clock, env: { ...env, PATH: [bin, env.PATH].join(delimiter) } }).catch((error: unknown) =>
      ends.push(error),
    )
    while (ends.length === 0) {
      await clock.advance(60_000)
      await systemClock.sleep(50)
    }
    expect(ends[0]).toMatchObject({
      message: `cannot fetch https://***@git.example/team/app.git: ${join(bin, 'git')} did not end within 300000 ms`,
    })
  })
})
