import { describe, expect, it } from 'vitest'
import { makeHost } from '../../test/conformance/store.ts'
import { FlotillaError } from '../core/errors.ts'
import { manualClock } from '../testing/manual-clock.ts'
import { memoryStore } from '../testing/memory-store.ts'
import type { Driver, HostState } from './driver.ts'
import { readInventory } from './inventory.ts'
import { describeHosts } from './list.ts'
import type { HostRow, ListContext } from './list.ts'

interface Answer {
  /** `never` does not answer. */
  readonly url?: string | Error
  readonly state?: HostState
  readonly version?: string | Error
}

const forever = new Promise<never>(() => {})

function driverOf(answer: Answer): Driver {
  const { url = 'tcp://h:2376', state = 'Running' } = answer
  const nothing = async (): Promise<void> => {}
  return {
    precheck: nothing,
    create: nothing,
    start: nothing,
    stop: nothing,
    kill: nothing,
    restart: nothing,
    remove: nothing,
    state: async () => state,
    address: async () => '',
    ssh: () => undefined,
    engineUrl: async () => {
      if (url === 'never') return forever
      if (url instanceof Error) throw url
      return url
    },
    toConfig: () => ({}),
  }
}

async function list(answers: Readonly<Record<string, Answer>>, dockerHost = ''): Promise<readonly HostRow[]> {
  const store = memoryStore()
  const clock = manualClock()
  for (const name of Object.keys(answers)) await store.create(makeHost(name))
  const ctx: ListContext = {
    store,
    clock,
    dockerHost,
    timeoutMs: 10_000,
    openDriver: async (host) => {
      if (host.name === 'gone') throw new FlotillaError('plugin/not-found', 'there is no driver')
      return driverOf(answers[host.name] ?? {})
    },
    queryVersion: async (_url, host) => {
      const version = answers[host.name]?.version ?? '28.2.2'
      if (version instanceof Error) throw version
      return version
    },
  }
  const rows = describeHosts(await readInventory(store), ctx, {})
  if (!Object.values(answers).some(({ url }) => url === 'never')) return rows
  // What answers at all has answered before time moves, on a busy machine too.
  await new Promise<void>((resolve) => setTimeout(resolve, 500))
  await clock.advance(10_000)
  return rows
}

function show(rows: readonly HostRow[]): readonly string[] {
  return rows.map((row) =>
    [row.name, row.isActiveHost ? '*' : '-', row.driverName, row.state, row.url, row.version, row.error].join('|'),
  )
}

// docker/machine commands/ls.go: what is asked and what is shown when it fails.
describe('the rows of ls', () => {
  it('a machine with an address is taken to run; one without is asked for its state', async () => {
    expect(
      show(
        await list({
          a: {},
          b: { url: '', state: 'Saved' },
          c: { url: new Error('Host is not running'), state: 'Stopped' },
        }),
      ),
    ).toEqual(['a|-|none|Running|tcp://h:2376|v28.2.2|', 'b|-|none|Saved||Unknown|', 'c|-|none|Stopped||Unknown|'])
  })

  it('failures stand in their row on one line: address, engine, missing driver, no answer in time', async () => {
    const rows = await list({
      address: { url: new Error('no\n address'), state: 'Error' },
      engine: { version: new Error('Unable to query docker version: x') },
      gone: {},
      late: { url: 'never' },
    })
    expect(show(rows)).toEqual([
      'address|-|none|Error||Unknown|no address',
      'engine|-|none|Running|tcp://h:2376|Unknown|Unable to query docker version: x',
      'gone|-|not-found|Error|||Driver "none" not found. Do you have the plugin binary accessible in your PATH?',
      'late|-|none|Timeout|||',
    ])
    expect(rows.at(-1)?.responseMs).toBe(10_000)
  })

  it('a machine that is off is not said to run because its driver knows where it would be', async () => {
    const rows = await list({ a: { state: 'Stopped', version: new Error('Unable to query docker version: refused') } })
    expect(show(rows)).toEqual(['a|-|none|Stopped||Unknown|'])
  })

  it('the machine DOCKER_HOST points at is active, in natural order of names', async () => {
    const rows = await list({ m10: {}, m2: { url: 'tcp://two:2376' }, M1: {} }, 'tcp://two:2376')
    expect(show(rows)).toEqual([
      'M1|-|none|Running|tcp://h:2376|v28.2.2|',
      'm2|*|none|Running|tcp://two:2376|v28.2.2|',
      'm10|-|none|Running|tcp://h:2376|v28.2.2|',
    ])
  })
})
