import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { Etcd2Api } from './etcd2-api.ts'
import { Etcd2Kv } from './etcd2.ts'
import { StoreHttp } from './store-http.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

interface Node {
  readonly key: string
  readonly value: string
  readonly createdIndex: number
  readonly modifiedIndex: number
}

/** One key of a store of version 2, with its conditions (etcd Documentation/v2/api.md). */
async function startStore() {
  let index = 1
  const store = {
    node: undefined as Node | undefined,
    /** Whether the client hears nothing of a request, which is carried out by the time that `run` is called. */
    isLost: (_method: string, _run: () => void): boolean => false,
    /** Called before a request is carried out. */
    before: (_method: string, _query: URLSearchParams): void => undefined,
    /** What another program does. */
    put(value: string): void {
      index += 1
      store.node = { key: '/leader', value, createdIndex: store.node?.createdIndex ?? index, modifiedIndex: index }
    },
    replace(value: string): void {
      store.node = undefined
      store.put(value)
    },
  }
  function answer(method: string, query: URLSearchParams): readonly [number, unknown] {
    const { node } = store
    const prevIndex = query.get('prevIndex')
    const prevValue = query.get('prevValue')
    if (query.get('prevExist') === 'false' && node !== undefined) return [412, { errorCode: 105 }]
    const isConditional = prevIndex !== null || prevValue !== null
    if (node === undefined && (method !== 'PUT' || isConditional)) return [404, { errorCode: 100 }]
    if (prevIndex !== null && Number(prevIndex) !== node?.modifiedIndex) return [412, { errorCode: 101 }]
    if (prevValue !== null && prevValue !== node?.value) return [412, { errorCode: 101 }]
    if (method === 'PUT') store.put(query.get('value') ?? '')
    if (method === 'DELETE') store.node = undefined
    return [200, { action: method.toLowerCase(), node: store.node ?? node }]
  }
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const method = request.method ?? ''
      const query = new URLSearchParams(`${(request.url ?? '').split('?')[1] ?? ''}&${body}`)
      if (query.get('wait') === 'true') return
      if (store.isLost(method, () => void answer(method, query))) {
        request.socket.destroy()
        return
      }
      store.before(method, query)
      const [status, value] = answer(method, query)
      response.writeHead(status, { 'x-etcd-index': String(index) }).end(JSON.stringify(value))
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  ends.push(
    () => server.closeAllConnections(),
    () => server.close(),
  )
  const options = {
    endpoints: [{ host: '127.0.0.1', port: (server.address() as AddressInfo).port }],
    clock: systemClock,
    random: { next: () => 0.5 },
  }
  const kv = new Etcd2Kv(new Etcd2Api(options, new StoreHttp('etcd', options)), options)
  ends.push(() => kv.close())
  return { store, kv }
}

describe('giving up a lock of etcd, version 2', () => {
  it('leaves alone what another one has taken between the look and the removal', async () => {
    const { store, kv } = await startStore()
    const stop = new AbortController()
    const holds = kv.lock('leader', 'a:1', 60_000, { signal: stop.signal })[Symbol.asyncIterator]()
    await holds.next()
    store.before = (method) => {
      if (method === 'DELETE') store.replace('b:1')
    }
    stop.abort()
    await holds.return?.()
    expect(store.node?.value).toBe('b:1')
  })

  it('removes it although a renewal has come about between the look and the removal', async () => {
    const { store, kv } = await startStore()
    const stop = new AbortController()
    const holds = kv.lock('leader', 'a:1', 60_000, { signal: stop.signal })[Symbol.asyncIterator]()
    await holds.next()
    let isLate = true
    store.before = (method) => {
      if (method !== 'DELETE' || !isLate) return
      isLate = false
      store.put('a:1')
    }
    stop.abort()
    await holds.return?.()
    expect(store.node).toBeUndefined()
  })
})

describe('taking a lock of etcd, version 2', () => {
  it('is not undone by the removal of an earlier try that comes about late', async () => {
    const { store, kv } = await startStore()
    const late: (() => void)[] = []
    store.isLost = (method, run) => {
      if (method === 'PUT') run()
      if (method === 'DELETE') late.push(run)
      return method === 'PUT' || method === 'DELETE'
    }
    const stop = new AbortController()
    const holds = kv.lock('leader', 'a:1', 60_000, { signal: stop.signal })[Symbol.asyncIterator]()
    await expect(holds.next()).rejects.toThrow()
    expect(late).toHaveLength(1)
    // What was written has had its time.
    store.node = undefined
    store.isLost = () => false
    const again = kv.lock('leader', 'a:1', 60_000, { signal: stop.signal })[Symbol.asyncIterator]()
    await again.next()
    late[0]?.()
    expect(store.node).toMatchObject({ value: 'a:1' })
    stop.abort()
    await again.return?.()
  })

  it('takes back what was written though the answer was lost', async () => {
    const { store, kv } = await startStore()
    store.isLost = (method, run) => {
      if (method === 'PUT') run()
      return method === 'PUT'
    }
    const holds = kv.lock('leader', 'a:1', 60_000)[Symbol.asyncIterator]()
    await expect(holds.next()).rejects.toThrow()
    expect(store.node).toBeUndefined()
  })
})
