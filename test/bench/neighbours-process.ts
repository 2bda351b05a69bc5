import process from 'node:process'
import { startFakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import { startFaultProxy } from '../../src/testing/fault-proxy.ts'
import type { ProxyFault } from '../../src/testing/fault-proxy.ts'
import { RawClient } from './raw-client.ts'

/**
 * An engine as a process of its own, and those who ask it: `neighbours-process.mjs NAME`. It tells its port once, and
 * answers each order when it is carried out.
 */

/** What the benchmark wants: a fault on the way to the engine, and clients that ask it through the manager. */
export interface NeighbourOrder {
  readonly fault: ProxyFault
  /** Port of the manager that is asked for the container `on-NAME`; undefined: nobody asks. */
  readonly askAt?: number
}

/** Clients of the engine, and the pause between two of their questions. */
const clients = 8
const pauseMs = 20

const [name = ''] = process.argv.slice(2)
const engine = await startFakeEngine({ name, images: ['busybox:latest'] })
const way = await startFaultProxy(addressOf(engine))
let stop: () => void = () => {}

process.on('message', ({ fault, askAt }: NeighbourOrder) => {
  stop()
  way.setFault(fault, true)
  stop = askAt === undefined ? () => {} : askThrough(askAt)
  process.send?.('done')
})
process.on('disconnect', () => process.exit(0))
process.send?.(way.port)

/** Asks until told to stop; what does not come is given up then. */
function askThrough(port: number): () => void {
  const over = new AbortController()
  const open: RawClient[] = []
  async function ask(): Promise<void> {
    while (!over.signal.aborted) {
      try {
        const client = await RawClient.open(port)
        open.push(client)
        await client.ask('GET', `/containers/on-${name}/json`, '', true)
        client.close()
      } catch {
        // Its failures are not what is measured.
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
  for (let index = 0; index < clients; index += 1) void ask()
  return () => {
    over.abort()
    for (const client of open) client.close()
  }
}

function addressOf({ endpoint }: FakeEngine): { readonly host: string; readonly port: number } {
  if (endpoint.kind !== 'tcp') throw new Error('the fake engine has no port')
  return { host: endpoint.host, port: endpoint.port }
}
