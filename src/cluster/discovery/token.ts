import type { CallOptions } from '../../core/call.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { readTextFile } from '../../io/files.ts'
import { requestWeb } from '../../io/http/web.ts'
import type { WebReply, WebRequest, WebTls } from '../../io/http/web.ts'
import type { DiscoveryContext, MakeDiscovery } from './discovery.ts'
import { parseEntries } from './parse-entries.ts'
import { pollList } from './poll.ts'
import type { Reading } from './poll.ts'
import { parseTokenAddress } from '../discovery-service/address.ts'

/**
 * `token://TOKEN` and `token://host/path/TOKEN`: a web service that keeps one list of engines per token; ours is
 * `flotilla discovery serve`. A bare token belongs to the service that the option `token.service` names.
 *
 * The protocol is that of classicswarm discovery/token/token.go.
 */
export const token: MakeDiscovery = (rest, context) => {
  const address = parseTokenAddress(rest, context.options.get('token.service'))
  const url = `${address.base}/clusters/${encodeURIComponent(address.token)}`
  const tls = readTls(context)
  const registered = new Set<string>()
  async function ask(request: Omit<WebRequest, 'tls'>, o: CallOptions): Promise<WebReply> {
    return requestWeb({ ...request, tls: await tls() }, o, context.clock)
  }
  return {
    watch(o = {}) {
      const fetch = (each: CallOptions): Promise<WebReply> => ask({ method: 'GET', url }, each)
      return pollList(address.base, () => read(fetch, o), context.heartbeatMs, context, o)
    },
    async register(addr, ttlMs, o = {}) {
      const reply = await ask(
        {
          method: 'POST',
          url: `${url}?ttl=${Math.ceil(ttlMs / 1000)}`,
          headers: { 'Content-Type': 'application/json' },
          // The bare address: the protocol has no JSON here, whatever the header says.
          body: addr,
        },
        o,
      )
      if (!isGood(reply)) throw refused('Failed to register', reply)
      registered.add(addr)
    },
    async close() {
      const left = [...registered]
      registered.clear()
      await Promise.all(
        left.map(async (addr) => {
          const reply = await ask({ method: 'DELETE', url: `${url}/${encodeURIComponent(addr)}` }, {})
          // Other services may know no such thing; entries lapse there.
          if (!isGood(reply) && ![404, 405].includes(reply.status)) throw refused('Failed to withdraw', reply)
        }),
      )
    },
  }
}

type Fetch = (o: CallOptions) => Promise<WebReply>

async function read(fetch: Fetch, o: CallOptions): Promise<Reading> {
  let reply: WebReply
  try {
    reply = await fetch(o)
  } catch (error) {
    return { addresses: undefined, problems: [toMessage(error)] }
  }
  if (reply.status !== 200)
    return { addresses: undefined, problems: [refused('Failed to fetch entries', reply).message] }
  const list = parseList(reply.body)
  if (list === undefined) {
    return { addresses: undefined, problems: ['Failed to fetch entries, the answer is not a JSON list of texts'] }
  }
  return parseEntries(list)
}

function parseList(body: string): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(body)
    // Go's service writes no list as null.
    if (value === null) return []
    return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : undefined
  } catch {
    return undefined
  }
}

function isGood({ status }: WebReply): boolean {
  return status >= 200 && status < 300
}

function refused(what: string, { status }: WebReply): FlotillaError {
  return new FlotillaError('cluster/discovery', `${what}, Discovery service returned ${status} HTTP status code`)
}

/** Certificates of the options, read when they are first needed and kept. */
function readTls({ options }: DiscoveryContext): () => Promise<WebTls> {
  let read: Promise<WebTls> | undefined
  async function readAll(): Promise<WebTls> {
    const entries = await Promise.all(
      (['ca', 'cert', 'key'] as const).map(async (name) => {
        const path = options.get(name === 'ca' ? 'kv.cacertfile' : `kv.${name}file`)
        if (path === undefined) return []
        const text = await readTextFile(path)
        if (text === undefined) throw new FlotillaError('cluster/discovery', `open ${path}: no such file or directory`)
        return [[name, text] as const]
      }),
    )
    return Object.fromEntries(entries.flat())
  }
  return () => {
    read ??= readAll()
    read.catch(() => (read = undefined))
    return read
  }
}
