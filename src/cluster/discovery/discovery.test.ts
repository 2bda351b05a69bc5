import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testDiscovery } from '../../../test/conformance/discovery.ts'
import { silentLog } from '../../core/log.ts'
import type { Log } from '../../core/log.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import type { Discovery } from './discovery.ts'
import { file } from './file.ts'
import { nodes } from './nodes.ts'
import { joinProblems, parseEntries } from './parse-entries.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flotilla-discovery-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

function context(clock: ManualClock, log: Log = silentLog) {
  return { clock, log, heartbeatMs: 10_000, options: new Map<string, string>() }
}

/** Moves time only while the watcher sleeps: its reads of the real file come in between. */
async function advance(clock: ManualClock, ms: number, stepMs = 1000): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    await untilSleeping(clock)
    await clock.advance(stepMs)
  }
  await untilSleeping(clock)
}

async function untilSleeping(clock: ManualClock): Promise<void> {
  for (let turn = 0; clock.sleeping === 0 && turn < 100_000; turn += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

testDiscovery('nodes', {
  make: async (addresses) => await Promise.resolve(nodes(addresses.join(','), context(manualClock()))),
})

let clock = manualClock()
let path = ''
let count = 0
testDiscovery('file', {
  async make(addresses) {
    clock = manualClock()
    count += 1
    path = join(folder, `conformance-${String(count)}`)
    await writeFile(path, `${addresses.join('\n')}\n`)
    return file(path, context(clock))
  },
  advance: (ms) => advance(clock, ms),
  change: (addresses) => writeFile(path, `${addresses.join('\n')}\n`),
})

describe('entries', () => {
  it.each([
    ['10.0.0.[1:3]:2375', ['10.0.0.1:2375', '10.0.0.2:2375', '10.0.0.3:2375']],
    ['host[08:11]:1', ['host8:1', 'host9:1', 'host10:1', 'host11:1']],
    ['host[3:1]:1', []],
    ['[::1]:2375', ['[::1]:2375']],
    ['tcp://a:1', ['a:1']],
    ['ssh://root@a', ['ssh://root@a']],
  ])('%s stands for %j', (text, addresses) => {
    expect(parseEntries([text])).toEqual({ addresses, problems: [] })
  })

  it.each([
    ['127.0.0.1', 'address 127.0.0.1: missing port in address'],
    ['127.0.0.1:99999', 'address 127.0.0.1:99999: invalid port'],
    ['a b:1', 'address a b:1: invalid host'],
    ['10.0.0.[1:65536]:2375', 'address 10.0.0.[1:65536]:2375: the range has more than 10000 addresses'],
    ['::1:2375', 'address ::1:2375: too many colons in address'],
  ])('%s is refused', (text, problem) => {
    expect(parseEntries([text])).toEqual({ addresses: [], problems: [problem] })
  })
})

describe('lists that are too long', () => {
  it('are read as far as there may be engines, with a word about the rest', () => {
    const { addresses, problems } = parseEntries(Array.from({ length: 130_000 }, (_, index) => `h${String(index)}:1`))
    expect(addresses).toHaveLength(100_000)
    expect(problems).toEqual(['more than 100000 addresses: 30000 entries are left out'])
  })

  it('and wrong are told by their first entries, cut', () => {
    const { problems } = parseEntries(Array.from({ length: 130_000 }, () => 'x'.repeat(1000)))
    const told = joinProblems(problems)
    expect(told).toMatch(/^address x{300}…: missing port in address; /)
    expect(told).toMatch(/; and 99996 more$/)
    expect(told.length).toBeLessThan(2000)
  })
})

describe('nodes://', () => {
  it('refuses a malformed list as the ancestor words it', () => {
    expect(() => nodes('a:1,b', context(manualClock()))).toThrow(
      'address b: missing port in address, please check you are using the correct discovery (missing token:// ?)',
    )
  })

  it('refuses to register: its list is in its own URL', async () => {
    await expect(nodes('a:1', context(manualClock())).register('a:1', 1000)).rejects.toThrow(
      'not implemented in this discovery service',
    )
  })
})

interface Watched {
  readonly sets: (readonly string[])[]
  readonly logged: string[]
  readonly clock: ManualClock
  stop(): Promise<void>
}

async function watchFile(name: string, content: string | undefined): Promise<Watched & { readonly path: string }> {
  const path = join(folder, name)
  if (content !== undefined) await writeFile(path, content)
  const clock = manualClock()
  const logged: string[] = []
  const log: Log = { ...silentLog, error: (text) => logged.push(text), warn: (text) => logged.push(text) }
  const stop = new AbortController()
  const sets: (readonly string[])[] = []
  const discovery: Discovery = file(path, context(clock, log))
  const done = (async () => {
    for await (const set of discovery.watch({ signal: stop.signal })) sets.push(set)
  })()
  await advance(clock, 3000)
  return {
    path,
    sets,
    logged,
    clock,
    async stop() {
      stop.abort()
      await done
    },
  }
}

describe('file://', () => {
  it('reads comments, blank lines, CRLF, a byte order mark and ranges', async () => {
    const watched = await watchFile('rich', '\uFEFF# fleet\r\na:1 # first\r\n\r\n  10.0.0.[1:2]:2375\r\na:1\r\n')
    await watched.stop()
    expect(watched.sets).toEqual([['10.0.0.1:2375', '10.0.0.2:2375', 'a:1']])
    expect(watched.logged).toEqual([])
  })

  it('leaves out lines it cannot read and says so once', async () => {
    const watched = await watchFile('bad', 'a:1\nnonsense\n127.0.0.1:99999\n')
    await advance(watched.clock, 20_000)
    await watched.stop()
    expect(watched.sets).toEqual([['a:1']])
    expect(watched.logged).toEqual([
      'Discovery error: address nonsense: missing port in address; address 127.0.0.1:99999: invalid port',
    ])
  })

  it('waits for the rest of a half-written last line', async () => {
    const watched = await watchFile('half', 'a:1\n')
    await writeFile(watched.path, 'a:1\nb:23')
    // It polls every two seconds and stands at three: the poll at four sees the half line and looks again later.
    await advance(watched.clock, 1100, 100)
    expect(watched.sets).toEqual([['a:1']])
    await writeFile(watched.path, 'a:1\nb:2375\n')
    await advance(watched.clock, 5000)
    await watched.stop()
    expect(watched.sets).toEqual([['a:1'], ['a:1', 'b:2375']])
  })

  it('takes a last line without line feed once the file stands still', async () => {
    const watched = await watchFile('unterminated', 'a:1\nb:2')
    await watched.stop()
    expect(watched.sets).toEqual([['a:1', 'b:2']])
  })

  it('keeps the engines of an emptied file for three heartbeats', async () => {
    const watched = await watchFile('emptied', 'a:1\nb:1\n')
    await writeFile(watched.path, '')
    await advance(watched.clock, 25_000)
    expect(watched.sets).toEqual([['a:1', 'b:1']])
    await advance(watched.clock, 15_000)
    await watched.stop()
    expect(watched.sets).toEqual([['a:1', 'b:1'], []])
    expect(watched.logged).toHaveLength(1)
  })

  it('counts those heartbeats on a clock that nobody sets', async () => {
    const watched = await watchFile('emptied-ahead', 'a:1\n')
    await writeFile(watched.path, '')
    await advance(watched.clock, 5000)
    watched.clock.jump(watched.clock.nowMs() + 3_600_000)
    await advance(watched.clock, 5000)
    await watched.stop()
    expect(watched.sets).toEqual([['a:1']])
  })

  it('does not lose engines to a file that is empty for a moment or replaced by rename', async () => {
    const watched = await watchFile('replaced', 'a:1\n')
    await writeFile(watched.path, '')
    await advance(watched.clock, 6000)
    await writeFile(`${watched.path}.new`, 'a:1\nc:1\n')
    await rename(`${watched.path}.new`, watched.path)
    await advance(watched.clock, 6000)
    await watched.stop()
    expect(watched.sets).toEqual([['a:1'], ['a:1', 'c:1']])
  })

  it('says that the file is missing, and takes it when it appears', async () => {
    const watched = await watchFile('late', undefined)
    expect(watched.logged).toEqual([
      `Discovery error: failed to read '${watched.path}': open ${watched.path}: no such file or directory`,
    ])
    await writeFile(watched.path, 'a:1\n')
    await advance(watched.clock, 5000)
    await watched.stop()
    expect(watched.sets).toEqual([['a:1']])
  })

  it('reads 100,000 lines', async () => {
    const lines = Array.from({ length: 100_000 }, (_, index) => `host${String(index)}:2375\n`)
    const watched = await watchFile('large', lines.join(''))
    await watched.stop()
    expect(watched.sets[0]).toHaveLength(100_000)
  })
})
