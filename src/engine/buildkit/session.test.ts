import { Buffer } from 'node:buffer'
import { linkSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { Message, MessageWriter } from '../../core/protobuf.ts'
import { GRPC, GrpcClient, serveGrpc } from '../../io/h2/grpc.ts'
import type { GrpcHandler } from '../../io/h2/grpc.ts'
import type { HeaderList } from '../../io/h2/hpack.ts'
import type { SharedFolder } from './file-sync.ts'
import { openSession, toDuplex } from './session.ts'
import type { SessionOffer } from './session.ts'
import { openAgent } from './ssh-agent.ts'

/** A session against a builder made up here; test/e2e/compose-build.e2e.ts has the real one. */

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** Opens a session and returns what the builder sees: a client of it, and the metadata it came with. */
async function open(offer: Partial<SessionOffer>): Promise<{ builder: GrpcClient; methods: readonly string[] }> {
  const [near, far] = duplexPair()
  closers.push(() => near.destroy())
  const opened = new Promise<{ builder: GrpcClient; methods: readonly string[] }>((resolve) => {
    const session: GrpcHandler = async (call) => {
      await call.send(new MessageWriter().putBytes(1, '').finish())
      resolve({
        builder: new GrpcClient(toDuplex(call)),
        methods: call.metadata.get('x-docker-expose-session-grpc-method') ?? [],
      })
      await new Promise<void>(() => {})
    }
    serveGrpc(far, new Map([['/moby.buildkit.v1.Control/Session', session]]))
  })
  await openSession(new GrpcClient(near), {
    id: 'i',
    sharedKey: 'k',
    folders: new Map(),
    credentials: async () => undefined,
    secret: async () => undefined,
    agent: async () => undefined,
    ...offer,
  })
  return opened
}

/** Fetches files as a builder does: all stats, then the ones wanted. */
async function fetchFiles(
  builder: GrpcClient,
  metadata: HeaderList,
  isWanted: (path: string) => boolean,
  stats: Message[] = [],
): Promise<{ paths: readonly string[]; contents: Readonly<Record<string, string>> }> {
  const call = builder.call('/moby.filesync.v1.FileSync/DiffCopy', metadata)
  const paths: string[] = []
  const contents: Record<string, string> = {}
  let open = 0
  let isListed = false
  const packet = (type: number, id: number): Buffer => new MessageWriter().put(1, type).put(3, id).finish()
  for await (const data of call.messages()) {
    const message = new Message(data)
    const type = message.number(1)
    if (type === 0 && message.has(2)) {
      const stat = new Message(message.bytes(2))
      const path = stat.text(1)
      stats.push(stat)
      paths.push(path)
      if (isWanted(path)) {
        open += 1
        contents[path] = ''
        await call.send(packet(1, paths.length - 1))
      }
    } else if (type === 0) {
      isListed = true
    } else if (type === 2) {
      const path = paths[message.number(3)] ?? ''
      if (message.bytes(4).length === 0) open -= 1
      else contents[path] += message.bytes(4).toString('latin1')
    } else if (type === 4) {
      throw new Error(message.text(4))
    }
    if (isListed && open === 0) {
      isListed = false
      await call.send(packet(3, 0))
    }
  }
  return { paths, contents }
}

describe('a session', () => {
  it('names what it serves, and is healthy', async () => {
    const { builder, methods } = await open({})
    expect(methods).toContain('/moby.filesync.v1.FileSync/DiffCopy')
    const health = await builder.ask('/grpc.health.v1.Health/Check', Buffer.alloc(0))
    expect(new Message(health).number(1)).toBe(1)
    const unknown = builder.ask('/moby.filesync.v1.Auth/FetchToken', Buffer.alloc(0))
    await expect(unknown).rejects.toMatchObject({ status: GRPC.unimplemented })
  })

  it('sends the files that are wanted, large ones in pieces, and only those selected', async () => {
    const root = mkdtempSync(join(tmpdir(), 'session-'))
    closers.push(() => rmSync(root, { recursive: true }))
    const large = 'x'.repeat(3_000_000)
    for (const [name, text] of [
      ['a', 'A'],
      ['b', ''],
      ['large', large],
      ['ö c', 'O'],
    ] as const)
      writeFileSync(join(root, name), text)
    const folders = new Map<string, SharedFolder>([
      ['context', { kind: 'folder', path: root }],
      ['dockerfile', { kind: 'texts', files: { Dockerfile: 'FROM scratch' } }],
    ])
    const { builder } = await open({ folders })
    const all = await fetchFiles(builder, [['dir-name', 'context']], (path) => path !== 'a')
    expect(all.paths).toEqual(['a', 'b', 'large', 'ö c'])
    expect(all.contents).toEqual({ b: '', large, 'ö c': 'O' })
    linkSync(join(root, 'large'), join(root, 'same'))
    const socket = createServer()
    await new Promise<void>((resolve) => socket.listen(join(root, 'sock'), resolve))
    closers.push(() => socket.close())
    const stats: Message[] = []
    const odd = await fetchFiles(builder, [['dir-name', 'context']], (path) => path === 'sock', stats)
    expect(odd.contents).toEqual({ sock: '' })
    const same = stats.find((stat) => stat.text(1) === 'same')
    expect([same?.text(7), same?.number(5)]).toEqual(['large', 0])
    const some = await fetchFiles(
      builder,
      [
        ['dir-name', 'context'],
        ['exclude-patterns', '%C3%B6+c'],
        ['exclude-patterns', 'large'],
        ['exclude-patterns-encoded', '1'],
      ],
      () => false,
    )
    expect(some.paths).toEqual(['a', 'b', 'same', 'sock'])
    const text = await fetchFiles(builder, [['dir-name', 'dockerfile']], () => true)
    expect(text.contents).toEqual({ Dockerfile: 'FROM scratch' })
    await expect(fetchFiles(builder, [['dir-name', '/etc']], () => true)).rejects.toThrow(
      'no access allowed to dir "/etc"',
    )
  })

  it.runIf(process.platform === 'linux')('sends files whose names are no text (Linux)', async () => {
    const root = mkdtempSync(join(tmpdir(), 'session-'))
    closers.push(() => rmSync(root, { recursive: true }))
    writeFileSync(Buffer.concat([Buffer.from(`${root}/caf`), Buffer.of(0xe9)]), 'coffee')
    const folders = new Map<string, SharedFolder>([['context', { kind: 'folder', path: root }]])
    const { builder } = await open({ folders })
    const { contents } = await fetchFiles(builder, [['dir-name', 'context']], () => true)
    expect(contents).toEqual({ 'caf\ufffd': 'coffee' })
  })

  it('says which file it cannot read', async () => {
    const folders = new Map<string, SharedFolder>([['context', { kind: 'folder', path: '/nowhere/at/all' }]])
    const { builder } = await open({ folders })
    await expect(fetchFiles(builder, [['dir-name', 'context']], () => true)).rejects.toThrow(
      /cannot read folder "\/nowhere\/at\/all"/,
    )
  })

  it('gives secrets and credentials by name, and nothing else', async () => {
    const { builder } = await open({
      secret: async (id) => (id === 'token' ? Buffer.from('sesame') : undefined),
      credentials: async (host) => (host === 'r.example' ? { username: 'ann', secret: 'pw' } : undefined),
    })
    const ask = (method: string, text: string) => builder.ask(method, new MessageWriter().put(1, text).finish())
    const secrets = '/moby.buildkit.secrets.v1.Secrets/GetSecret'
    expect(new Message(await ask(secrets, 'token')).text(1)).toBe('sesame')
    await expect(ask(secrets, 'other')).rejects.toMatchObject({ status: GRPC.notFound })
    const login = new Message(await ask('/moby.filesync.v1.Auth/Credentials', 'r.example'))
    expect([login.text(1), login.text(2)]).toEqual(['ann', 'pw'])
    expect(new Message(await ask('/moby.filesync.v1.Auth/Credentials', 'x')).text(1)).toBe('')
  })

  it('forwards an SSH agent', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'agent-'))
    const path = join(folder, 'sock')
    const server = createServer((socket) => socket.pipe(socket))
    await new Promise<void>((resolve) => server.listen(path, resolve))
    closers.push(() => {
      server.close()
      rmSync(folder, { recursive: true })
    })
    const { builder } = await open({ agent: async (id) => (id === 'default' ? openAgent(path) : undefined) })
    const call = builder.call('/moby.sshforward.v1.SSH/ForwardAgent', [['buildkit.ssh.id', 'default']])
    await call.send(new MessageWriter().putBytes(1, 'ping').finish())
    let seen = ''
    for await (const message of call.messages()) {
      seen += new Message(message).text(1)
      call.end()
    }
    expect(seen).toBe('ping')
    const check = builder.ask('/moby.sshforward.v1.SSH/CheckAgent', new MessageWriter().put(1, 'other').finish())
    await expect(check).rejects.toMatchObject({ status: GRPC.notFound })
  })

  it('ends a forwarding with the agent, and the agent with a forwarding that is given up', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'agent-'))
    const path = join(folder, 'sock')
    const ends: string[] = []
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('close', () => ends.push('closed'))
      socket.once('data', (data) => (data.toString() === 'die' ? socket.destroy() : socket.write('alive')))
    })
    await new Promise<void>((resolve) => server.listen(path, resolve))
    closers.push(() => {
      server.close()
      rmSync(folder, { recursive: true })
    })
    const unhandled: unknown[] = []
    const note = (error: unknown): void => void unhandled.push(error)
    process.on('unhandledRejection', note)
    closers.push(() => process.off('unhandledRejection', note))
    const { builder } = await open({ agent: async () => openAgent(path) })
    const forward = '/moby.sshforward.v1.SSH/ForwardAgent'
    const dying = builder.call(forward)
    await dying.send(new MessageWriter().putBytes(1, 'die').finish())
    for await (const message of dying.messages()) expect(message).toBeUndefined()
    const lasting = builder.call(forward)
    await lasting.send(new MessageWriter().putBytes(1, 'hello').finish())
    const reading = (async () => {
      for await (const message of lasting.messages()) {
        expect(new Message(message).text(1)).toBe('alive')
        lasting.cancel(new Error('the step is over'))
      }
    })()
    await expect(reading).rejects.toThrow('the step is over')
    await expect.poll(() => ends).toEqual(['closed', 'closed'])
    await new Promise<void>((resolve) => setImmediate(resolve))
    expect(unhandled).toEqual([])
  })
})
