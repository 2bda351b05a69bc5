import type { ChildProcess } from 'node:child_process'
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { ComposeHost } from './compose-host.ts'
import { ensurePrograms } from './programs.ts'

/** Files that change on this side arrive in real containers. */

const file = `
services:
  web:
    image: ${sampleImage}
    command: ["/bin/idle"]
    scale: 2
    develop:
      watch:
        - { path: ./src, action: sync, target: /app, ignore: ["node_modules/"], initial_sync: true }
        - { path: ./js, action: sync, target: /js, include: ["**/*.js"] }
        - { path: ./conf, action: sync+restart, target: /conf }
        - path: ./hook
          action: sync+exec
          target: /hook
          exec: { command: ["sh", "-c", "cp /hook/in /hook/out; echo reloaded"] }
  dep:
    image: ${sampleImage}
    command: ["/bin/idle"]
    depends_on: { web: { condition: service_started, restart: true } }
  plain: { image: ${sampleImage}, command: ["/bin/idle"] }
`

interface Running {
  readonly child: ChildProcess
  stdout(): string
  stderr(): string
  readonly code: Promise<number | null>
}

describe.runIf(isRoot)('watch (needs root on Linux)', () => {
  let running: Lab | undefined
  let host: ComposeHost
  let folder = ''
  const started: Running[] = []

  beforeAll(async () => {
    ensurePrograms()
    running = await lab({ image: true, namePrefix: 'wat' })
    host = await openComposeHost(running.hosts[0]!, 'node')
    await host.write('dev', { 'compose.yaml': file })
    folder = join(host.folder, 'dev')
    for (const name of ['src/node_modules', 'src/sub', 'js/one', 'conf', 'hook'])
      await mkdir(join(folder, name), { recursive: true })
    await writeFile(join(folder, 'src/early'), 'early')
  })

  // One that a failed test leaves behind would hold the project's lock against the next try.
  afterEach(async () => {
    for (const { child, code } of started.splice(0)) {
      child.kill('SIGKILL')
      await code
    }
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  function start(args: readonly string[]): Running {
    const child = host.start('dev', args)
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    const code = new Promise<number | null>((resolve) => child.on('close', resolve))
    const one = { child, stdout: () => stdout, stderr: () => stderr, code }
    started.push(one)
    return one
  }

  /** What a path holds in a container; nothing when it is not there. */
  async function read(container: string, path: string): Promise<string | undefined> {
    const result = await running!.hosts[0]!.docker(['exec', container, 'cat', path])
    return result.code === 0 ? result.stdout : undefined
  }

  const seen = (watch: Running, text: string): Promise<boolean> =>
    host.eventually(async () => watch.stdout().includes(text))
  const arrives = (container: string, path: string, text: string | undefined): Promise<boolean> =>
    host.eventually(async () => (await read(container, path)) === text)

  it('brings up, copies, follows changes, deletions, links and folders into every container, and ends', async () => {
    const watch = start(['watch'])
    expect(await seen(watch, 'Watch enabled\n'), watch.stderr()).toBe(true)
    expect((await host.containers('dev')).map((entry) => entry.state)).toEqual(Array(4).fill('running'))
    expect(await read('dev-web-1', '/app/early')).toBe('early')
    expect(await read('dev-web-2', '/app/early')).toBe('early')

    const second = await host.compose('dev', ['watch', '--no-up'])
    expect(second.code).toBe(1)
    expect(second.stderr).toContain('cannot take exclusive lock for project "dev"')

    await writeFile(join(folder, 'src/a.txt'), 'one')
    expect(await arrives('dev-web-1', '/app/a.txt', 'one')).toBe(true)
    expect(await arrives('dev-web-2', '/app/a.txt', 'one')).toBe(true)
    expect(watch.stdout()).toContain('Syncing service "web" after 1 changes were detected\n')
    await writeFile(join(folder, 'src/node_modules/x'), 'no')
    await writeFile(join(folder, 'src/sub/b~'), 'no')
    await writeFile(join(folder, 'src/sub/b.txt'), 'two')
    await symlink('a.txt', join(folder, 'src/link'))
    await mkdir(join(folder, 'src/new folder'))
    await writeFile(join(folder, 'src/new folder/ümlaut'), 'three')
    expect(await arrives('dev-web-2', '/app/new folder/ümlaut', 'three')).toBe(true)
    expect(await arrives('dev-web-1', '/app/link', 'one')).toBe(true)
    expect(await arrives('dev-web-1', '/app/sub/b.txt', 'two')).toBe(true)
    expect(await read('dev-web-1', '/app/node_modules/x')).toBeUndefined()
    expect(await read('dev-web-1', '/app/sub/b~')).toBeUndefined()
    await rm(join(folder, 'src/a.txt'))
    await rm(join(folder, 'src/new folder'), { recursive: true })
    expect(await arrives('dev-web-2', '/app/a.txt', undefined)).toBe(true)
    expect(await arrives('dev-web-2', '/app/new folder/ümlaut', undefined)).toBe(true)
    await rm(join(folder, 'src/sub'), { recursive: true })
    await mkdir(join(folder, 'src/sub'))
    await writeFile(join(folder, 'src/sub/c.txt'), 'anew')
    expect(await arrives('dev-web-1', '/app/sub/c.txt', 'anew')).toBe(true)
    await writeFile(join(folder, 'src/sub/d.txt'), 'followed')
    expect(await arrives('dev-web-1', '/app/sub/d.txt', 'followed')).toBe(true)

    await writeFile(join(folder, 'js/one/x.js'), 'script')
    expect(await arrives('dev-web-1', '/js/one/x.js', 'script')).toBe(true)
    await rename(join(folder, 'js/one'), join(folder, 'js/two'))
    expect(await arrives('dev-web-1', '/js/two/x.js', 'script')).toBe(true)
    const listed = await running!.hosts[0]!.docker(['exec', 'dev-web-1', 'ls', '/js'])
    expect(listed.stdout).toBe('two\n')

    const startedAt = async (name: string): Promise<string> =>
      (await running!.hosts[0]!.docker(['inspect', '-f', '{{.State.StartedAt}}', name])).stdout
    const before = [await startedAt('dev-web-1'), await startedAt('dev-dep-1'), await startedAt('dev-plain-1')]
    await writeFile(join(folder, 'conf/x.conf'), 'four')
    expect(await seen(watch, 'service(s) ["web"] restarted\n'), watch.stderr()).toBe(true)
    expect(await read('dev-web-1', '/conf/x.conf')).toBe('four')
    const after = [await startedAt('dev-web-1'), await startedAt('dev-dep-1'), await startedAt('dev-plain-1')]
    expect(after.map((time, index) => time === before[index])).toEqual([false, false, true])

    await writeFile(join(folder, 'hook/in'), 'five')
    expect(await arrives('dev-web-1', '/hook/out', 'five')).toBe(true)
    expect(await seen(watch, 'web-1 -> reloaded\n')).toBe(true)

    watch.child.kill('SIGINT')
    expect(await watch.code).toBe(130)
    expect(watch.stdout()).toMatch(/Watch disabled\n$/)
    expect((await host.containers('dev')).map((entry) => entry.state)).toEqual(Array(4).fill('running'))
  })

  it('--no-up leaves what runs alone, and a service without rules is refused', async () => {
    const changes = await host.changesDuring(async () => {
      const watch = start(['watch', '--no-up', '--quiet', 'web'])
      expect(await seen(watch, 'Watch enabled\n')).toBe(true)
      watch.child.kill('SIGINT')
      expect(await watch.code).toBe(130)
    })
    expect(changes.filter((line) => !line.includes('extract'))).toEqual([])
    const none = await host.compose('dev', ['watch', 'plain'])
    expect(none.code).toBe(1)
    expect(none.stderr).toContain("none of the selected services is configured for watch, consider setting a 'develop'")
    expect((await host.compose('dev', ['watch', 'nosuch'])).stderr).toContain('no such service: nosuch')
    expect((await host.compose('dev', ['up', '-d', '--watch'])).stderr).toContain('--detach cannot be combined with')
    expect((await host.compose('dev', ['up', '--no-build', '--watch'])).stderr).toContain(
      '--no-build and --watch are incompatible',
    )
  })

  it('up --watch follows files beside the output', async () => {
    const up = start(['up', '--watch'])
    expect(await seen(up, ' ⦿ Watch enabled\n'), up.stderr()).toBe(true)
    await writeFile(join(folder, 'src/late'), 'six')
    expect(await arrives('dev-web-1', '/app/late', 'six')).toBe(true)
    await writeFile(join(folder, 'hook/in'), 'seven')
    expect(await seen(up, 'reloaded')).toBe(true)
    up.child.kill('SIGINT')
    expect(await up.code).toBe(130)
    expect(up.stdout()).toContain(' ⦿ Watch disabled\n')
    expect((await host.compose('dev', ['down', '-t', '1'])).code).toBe(0)
  })

  // To be enabled with the building of images.
  it('rebuilds and replaces only the service', async () => {
    await host.write('built', {
      'compose.yaml': `services:\n  web:\n    build: .\n    command: ["/bin/idle"]\n    develop: { watch: [{ path: ./src, action: rebuild }] }\n  other: { image: ${sampleImage}, command: ["/bin/idle"] }\n`,
      Dockerfile: `FROM ${sampleImage}\nCOPY src /src\n`,
    })
    await mkdir(join(host.folder, 'built', 'src'), { recursive: true })
    await writeFile(join(host.folder, 'built', 'src', 'a'), 'one')
    const child = host.start('built', ['watch'])
    let stdout = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    const code = new Promise<number | null>((done) => child.on('close', done))
    expect(await host.eventually(async () => stdout.includes('Watch enabled'))).toBe(true)
    const before = await host.containers('built')
    await writeFile(join(host.folder, 'built', 'src', 'a'), 'two')
    expect(await arrives('built-web-1', '/src/a', 'two')).toBe(true)
    expect(stdout).toContain('service(s) ["web"] successfully built\n')
    const after = await host.containers('built')
    expect(after.map((entry, index) => entry.id === before[index]?.id)).toEqual([true, false])
    child.kill('SIGINT')
    expect(await code).toBe(130)
    expect((await host.compose('built', ['down', '-t', '1', '--rmi', 'local'])).code).toBe(0)
  })
})
