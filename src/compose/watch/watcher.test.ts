import { chmod, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { openEngine } from '../../engine/client.ts'
import { systemClock } from '../../io/clock.ts'
import { pollUntil } from '../../io/process-identity.ts'
import { project, service } from '../../testing/compose-builders.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { makeBatcher, quietMs } from './changes.ts'
import { collectRules } from './rules.ts'
import { watchProject } from './watcher.ts'

/** Real files, a fake engine, and a build that is only told of: what a batch sets going, and in which words. */

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Watching {
  readonly folder: string
  readonly lines: string[]
  readonly warnings: string[]
  readonly rebuilt: string[][]
  readonly says: (line: string) => Promise<boolean>
  readonly ended: Promise<void>
  readonly stop: () => void
}

async function watch(rebuild: (onBuilt: () => void, call: number) => Promise<void>, path = 'src'): Promise<Watching> {
  const folder = await mkdtemp(join(tmpdir(), 'watch-'))
  await mkdir(join(folder, 'src'))
  const fake = await startFakeEngine({ images: ['busybox:latest'] })
  const engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
  cleanups.push(
    () => rm(folder, { recursive: true, force: true }),
    () => fake.stop(),
    () => engine.close(),
  )
  const watched = project([
    service('web', {
      build: { context: folder },
      develop: { watch: [{ path: join(folder, path), action: 'rebuild', ignore: ['*.tmp'] }] },
    }),
  ])
  const [lines, warnings, rebuilt] = [[] as string[], [] as string[], [] as string[][]]
  const stop = new AbortController()
  const ended = watchProject(engine, watched, {
    clock: systemClock,
    rules: collectRules(watched, [], { readText: () => undefined, resolveLinks: (path) => path, warn: () => {} }),
    log: (line) => lines.push(line),
    warn: (message) => warnings.push(message),
    output: () => {},
    async rebuild(services, onBuilt) {
      rebuilt.push([...services])
      await rebuild(onBuilt, rebuilt.length)
    },
    restart: () => Promise.resolve(),
    isPruning: true,
    signal: stop.signal,
  })
  cleanups.push(async () => {
    stop.abort()
    await ended
  })
  const says = (line: string): Promise<boolean> =>
    pollUntil(async () => lines.includes(line), 15_000, systemClock, { everyMs: 20 })
  return { folder, lines, warnings, rebuilt, says, ended, stop: () => stop.abort() }
}

describe('a change that asks for a build', () => {
  it('builds the service, says so, and goes on to the next one', async () => {
    const { folder, lines, rebuilt, says, stop, ended } = await watch((onBuilt) => Promise.resolve(onBuilt()))
    expect(await says('Watch enabled')).toBe(true)
    await writeFile(join(folder, 'src', 'ignored.tmp'), '')
    await writeFile(join(folder, 'src', 'a'), '1')
    expect(await says('service(s) ["web"] successfully built')).toBe(true)
    stop()
    await ended
    expect(rebuilt).toEqual([['web']])
    expect(lines).toEqual([
      'Watch enabled',
      'Rebuilding service(s) ["web"] after changes were detected...',
      'service(s) ["web"] successfully built',
      'Watch disabled',
    ])
  })

  it('that fails is told of, before or after the build, and the next change is waited for', async () => {
    const { folder, lines, warnings, says } = await watch((onBuilt, call) => {
      if (call === 2) onBuilt()
      return Promise.reject(new Error(call === 1 ? 'no compiler' : 'no room'))
    })
    expect(await says('Watch enabled')).toBe(true)
    await writeFile(join(folder, 'src', 'a'), '1')
    expect(await says('Build failed. Error: no compiler')).toBe(true)
    await writeFile(join(folder, 'src', 'a'), '2')
    expect(await says('Failed to recreate services after update. Error: no room'), lines.join('\n')).toBe(true)
    expect(warnings).toContain('Error handling changed files: no compiler')
  })
})

describe('a change that could not be brought', () => {
  it('is told of once, tried again until it arrives, and holds up no other service', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'watch-'))
    await mkdir(join(folder, 'a'))
    const fake = await startFakeEngine({ images: ['busybox:latest'] })
    const engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
    const stop = new AbortController()
    const rule = { path: join(folder, 'a'), target: '/a', action: 'sync+restart' } as const
    const watched = project([
      service('bad', {
        build: { context: folder },
        develop: { watch: [{ path: join(folder, 'a'), action: 'rebuild' }] },
      }),
      service('web', { develop: { watch: [rule] } }),
    ])
    const [lines, warnings] = [[] as string[], [] as string[]]
    let tries = 0
    const ended = watchProject(engine, watched, {
      clock: systemClock,
      rules: collectRules(watched, [], { readText: () => undefined, resolveLinks: (path) => path, warn: () => {} }),
      log: (line) => lines.push(line),
      warn: (message) => warnings.push(message),
      output: () => {},
      rebuild: () => Promise.reject(new Error('no compiler')),
      restart(names) {
        tries += 1
        if (tries < 3) return Promise.reject(new Error('engine is away'))
        expect(names).toEqual(['web'])
        return Promise.resolve()
      },
      isPruning: false,
      signal: stop.signal,
    })
    cleanups.push(
      () => rm(folder, { recursive: true, force: true }),
      () => fake.stop(),
      () => engine.close(),
      async () => {
        stop.abort()
        await ended
      },
    )
    const says = (line: string): Promise<boolean> =>
      pollUntil(async () => lines.includes(line), 15_000, systemClock, { everyMs: 20 })
    expect(await says('Watch enabled')).toBe(true)
    await writeFile(join(folder, 'a', 'x'), '')
    expect(await says('service "web" is in sync again'), warnings.join('\n')).toBe(true)
    expect(tries).toBe(3)
    expect(lines.filter((line) => line.startsWith('Syncing'))).toHaveLength(1)
    expect(warnings.filter((text) => text.includes('engine is away'))).toHaveLength(1)
    expect(warnings.filter((text) => text.includes('no compiler'))).toHaveLength(1)
    expect(warnings).toContainEqual(expect.stringMatching(/^service "web" is not in sync: changes of \d paths? /))
  })
})

describe('a change of the mode alone', () => {
  it('is a change', async () => {
    const { folder, rebuilt, says } = await watch((onBuilt) => Promise.resolve(onBuilt()))
    const path = join(folder, 'src', 'script')
    expect(await says('Watch enabled')).toBe(true)
    await writeFile(path, '')
    expect(await says('service(s) ["web"] successfully built')).toBe(true)
    await utimes(path, new Date(), new Date(Date.now() - 60_000))
    await pollUntil(async () => rebuilt.length === 2, 15_000, systemClock, { everyMs: 20 })
    await chmod(path, 0o755)
    expect(await pollUntil(async () => rebuilt.length === 3, 5000, systemClock, { everyMs: 20 })).toBe(true)
  })
})

describe('a folder that is deleted and made anew', () => {
  it('is followed as before', async () => {
    const { folder, rebuilt, says } = await watch((onBuilt) => Promise.resolve(onBuilt()))
    const isBuilt = (count: number): Promise<boolean> =>
      pollUntil(async () => rebuilt.length >= count, 15_000, systemClock, { everyMs: 20 })
    await mkdir(join(folder, 'src', 'deep'))
    await writeFile(join(folder, 'src', 'deep', 'a'), '1')
    expect(await says('Watch enabled')).toBe(true)
    await writeFile(join(folder, 'src', 'deep', 'a'), '2')
    expect(await isBuilt(1)).toBe(true)
    await rm(join(folder, 'src'), { recursive: true })
    expect(await isBuilt(2)).toBe(true)
    await mkdir(join(folder, 'src', 'deep'), { recursive: true })
    await writeFile(join(folder, 'src', 'deep', 'a'), '3')
    expect(await isBuilt(3)).toBe(true)
    await writeFile(join(folder, 'src', 'deep', 'b'), '')
    expect(await isBuilt(4)).toBe(true)
  })
})

describe('a path that does not exist yet', () => {
  it.each(['later', 'later/file', 'later/on/and/on'])('%s is told of, and followed once it does', async (path) => {
    const { folder, warnings, says } = await watch((onBuilt) => Promise.resolve(onBuilt()), path)
    expect(await says('Watch enabled')).toBe(true)
    expect(warnings).toEqual([`service "web" watches ${join(folder, path)}, which does not exist yet`])
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), 'here')
    expect(await says('service(s) ["web"] successfully built')).toBe(true)
  })
})

describe('the batcher', () => {
  it('waits for quiet, and hands out each path once', async () => {
    const clock = manualClock()
    const batcher = makeBatcher(clock)
    const got: string[][] = []
    const reading = (async () => {
      for await (const batch of batcher.batches) got.push([...batch])
    })()
    batcher.add('a')
    await clock.advance(quietMs - 1)
    batcher.add('b')
    batcher.add('a')
    await clock.advance(quietMs - 1)
    expect(got).toEqual([])
    await clock.advance(2)
    expect(got).toEqual([['a', 'b']])
    batcher.end()
    await reading
  })
})
