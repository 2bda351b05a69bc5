import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { extract } from 'tar-stream'
import { afterEach, describe, expect, it } from 'vitest'
import type { ProgressEvent } from '../../core/progress.ts'
import { openEngine } from '../../engine/client.ts'
import type { Engine } from '../../engine/engine.ts'
import { systemClock } from '../../io/clock.ts'
import { project, service } from '../../testing/compose-builders.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { buildServices } from './build-services.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'classic-'))
  closers.push(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  const fake = await startFakeEngine({})
  closers.push(() => fake.stop())
  const engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
  closers.push(() => engine.close())
  const events: ProgressEvent[] = []
  const options = {
    clock: systemClock,
    parallel: 4,
    progress: (event: ProgressEvent) => void events.push(event),
    buildHost: {
      env: {},
      isClassic: true,
      credentials: async () => undefined,
      registryConfig: async () => 'e30=',
      defaultArgs: async () => ({ HTTP_PROXY: 'http://p' }),
    },
  }
  return { folder, fake, engine, events, options }
}

/** An engine that only builds, with the answer of the test. */
async function startBuilder(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Engine> {
  const server = createServer((request, response) => {
    if (request.url?.includes('/build') === true) answer(request, response)
    else response.setHeader('Api-Version', '1.41').end('OK')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(
    () => server.closeAllConnections(),
    () => server.close(),
  )
  const { port } = server.address() as AddressInfo
  const engine = openEngine({ kind: 'tcp', host: '127.0.0.1', port }, { clock: systemClock, userAgent: 'test' })
  closers.push(() => engine.close())
  return engine
}

async function readNames(archive: Readable): Promise<readonly string[]> {
  const names: string[] = []
  const reader = extract()
  reader.on('entry', ({ name }, entry, next) => {
    names.push(name)
    entry.resume()
    entry.on('end', next)
  })
  const body = await buffer(archive)
  await new Promise<void>((resolve) => reader.on('finish', () => resolve()).end(body))
  return names
}

describe('the classic builder', () => {
  it.each([
    ['[', 'syntax error in pattern "["'],
    ['!', 'illegal exclusion pattern: "!"'],
    ['a\\', 'syntax error in pattern'],
    [undefined, 'is a directory'],
  ])('names the ignore file when it is wrong: %j', async (text, reason) => {
    const { folder, engine, options } = await start({ Dockerfile: 'FROM scratch' })
    const path = join(folder, '.dockerignore')
    if (text === undefined) mkdirSync(path)
    else writeFileSync(path, text)
    const build = { context: folder, dockerfile: 'Dockerfile' }
    await expect(buildServices(engine, project([service('web', { build })]), [], options)).rejects.toThrow(
      new RegExp(`${path.replaceAll('.', '\\.')}: .*${reason.replaceAll(/[[\]"]/g, '\\$&')}`),
    )
  })

  it('is sent the context without what is ignored, proxies and logins', async () => {
    const { folder, fake, engine, events, options } = await start({
      Dockerfile: 'FROM scratch',
      '.dockerignore': '*\n!kept',
      kept: 'k'.repeat(100_000),
      lost: 'l'.repeat(1_000_000),
    })
    symlinkSync('kept', join(folder, 'link'))
    const want = project([service('web', { image: 'r/web', build: { context: folder, dockerfile: 'Dockerfile' } })])
    expect(await buildServices(engine, want, ['web'], options)).toBe(1)
    const step = events.find((event) => event.id.includes('FROM scratch'))
    // Headers and ends of a tar come on top.
    const bytes = Number(/\((\d+) bytes\)/.exec(step?.id ?? '')?.[1])
    expect(bytes).toBeGreaterThan(100_000)
    expect(bytes).toBeLessThan(110_000)
    const request = fake.requests.find((entry) => entry.path.endsWith('/build'))
    expect(request?.method).toBe('POST')
    expect(events.at(-1)).toMatchObject({ id: 'web', status: 'done', text: 'Built' })
  })

  it('leaves out what .dockerignore says, whatever lies beside the Dockerfile', async () => {
    const { folder, options } = await start({
      Dockerfile: 'FROM scratch',
      'Dockerfile.dockerignore': 'beside',
      '.dockerignore': 'top',
      beside: '',
      top: '',
    })
    const want = project([service('web', { image: 'r/web', build: { context: folder, dockerfile: 'Dockerfile' } })])
    let names: readonly string[] = []
    const engine = await startBuilder((request, response) => {
      void readNames(request).then((read) => {
        names = read
        response.end('{"aux":{"ID":"sha256:1"}}')
      })
    })
    await buildServices(engine, want, ['web'], options)
    expect(names).toEqual(['.dockerignore', 'Dockerfile', 'Dockerfile.dockerignore', 'beside'])
  })

  it('is sent empty files, pipes, rights and second names as they are', async () => {
    const { folder, options } = await start({
      Dockerfile: 'FROM scratch',
      empty: '',
      first: 'f',
      closed: 'c',
      sticky: 's',
    })
    linkSync(join(folder, 'first'), join(folder, 'second'))
    chmodSync(join(folder, 'closed'), 0)
    chmodSync(join(folder, 'sticky'), 0o1644)
    execFileSync('mkfifo', ['-m', '600', join(folder, 'pipe')])
    const want = project([service('web', { image: 'r/web', build: { context: folder, dockerfile: 'Dockerfile' } })])
    let body: Buffer | undefined
    const engine = await startBuilder((request, response) => {
      void buffer(request).then((read) => {
        body = read
        response.end('{"aux":{"ID":"sha256:1"}}\n')
      })
    })
    expect(await buildServices(engine, want, ['web'], options)).toBe(1)
    const seen: string[] = []
    const reader = extract()
    reader.on('entry', (header, entry, next) => {
      const mode = (header.mode ?? 0).toString(8)
      seen.push(`${header.name} ${header.type} ${mode} ${header.size} ${header.linkname ?? ''}`.trim())
      entry.resume()
      entry.on('end', next)
    })
    await new Promise<void>((resolve) => reader.on('finish', () => resolve()).end(body))
    expect(seen).toEqual([
      'Dockerfile file 644 12',
      'closed file 0 1',
      'empty file 644 0',
      'first file 644 1',
      'pipe fifo 600 0',
      'second link 644 0 first',
      'sticky file 1644 1',
    ])
  })

  it('builds what an endpoint refuses BuildKit for, as it does for tenants, and says so', async () => {
    const { folder, fake, engine, events, options } = await start({ Dockerfile: 'FROM scratch' })
    const message = 'access denied to "bob" (tenant): POST /grpc'
    fake.fail({ path: /^\/grpc$/, fault: { kind: 'status', status: 403, message } })
    const want = project([service('web', { build: { context: folder, dockerfile: 'Dockerfile' } })])
    await buildServices(engine, want, [], { ...options, buildHost: { ...options.buildHost, isClassic: false } })
    expect(events.find(({ status }) => status === 'warning')?.detail).toBe(
      `${message}; it is built with the classic builder`,
    )
    expect(fake.requests.some(({ path }) => path === '/build')).toBe(true)
    const closed = { build: { context: folder, dockerfile: 'Dockerfile', privileged: true } }
    const odd = buildServices(engine, project([service('web', closed)]), [], {
      ...options,
      buildHost: { ...options.buildHost, isClassic: false },
    })
    await expect(odd).rejects.toThrow("the classic builder doesn't support")
  })

  it('hands its lines on as they are where scripts may read them, and not as progress', async () => {
    const { folder, fake, engine, events, options } = await start({ Dockerfile: 'FROM scratch' })
    const want = project([service('web', { build: { context: folder, dockerfile: 'Dockerfile' } })])
    const lines: string[] = []
    const buildHost = { ...options.buildHost, classicOutput: (line: string) => void lines.push(line) }
    const pieces = [
      'Step 1/1 : RUN x',
      '\n',
      ' ---> Running in 1\n',
      'a\n\nb',
      'Removing intermediate container 1\n',
      ' ---> 2\n',
    ]
    const stream = [...pieces, 'Successfully built 2\n', 'last'].map((each) => ({ stream: each }))
    const body = [...stream, { aux: { ID: 'i' } }].map((each) => JSON.stringify(each)).join('\r\n')
    fake.fail({ path: /\/build$/, times: 1, fault: { kind: 'reply', body } })
    expect(await buildServices(engine, want, ['web'], { ...options, buildHost })).toBe(1)
    expect(lines).toEqual([
      'Step 1/1 : RUN x',
      ' ---> Running in 1',
      'a',
      '',
      'b',
      'Removing intermediate container 1',
      ' ---> 2',
      'Successfully built 2',
      'last',
    ])
    expect(events.map(({ id, text }) => `${id} ${text}`)).toEqual(['web Building', 'web Built'])
  })

  it('prints lines whole that come in pieces, the last one too, and of a failure', async () => {
    const { folder, fake, engine, events, options } = await start({ Dockerfile: 'FROM scratch' })
    const want = project([service('web', { build: { context: folder, dockerfile: 'Dockerfile' } })])
    const say = (pieces: readonly string[], end: object): void => {
      const body = [...pieces.map((stream) => ({ stream })), end].map((each) => JSON.stringify(each)).join('\r\n')
      fake.fail({ path: /\/build$/, times: 1, fault: { kind: 'reply', body } })
    }
    const pieces = ['Step 1/2 : RUN x', '\n', ' ---> Running in 1\n', '1039\n10', '40\n1041']
    say([...pieces, 'Removing intermediate container 1\n', ' ---> 2\nStep 2/2 : RUN y\n', 'open'], { aux: { ID: 'i' } })
    expect(await buildServices(engine, want, ['web'], options)).toBe(1)
    const printed = events.flatMap(({ id, output }) => (output === undefined ? [] : [`${id}: ${output}`]))
    expect(printed).toEqual([
      'web [1/2] RUN x: 1039',
      'web [1/2] RUN x: 1040',
      'web [1/2] RUN x: 1041',
      'web [1/2] RUN x: Removing intermediate container 1',
      'web [2/2] RUN y: open',
    ])
    say([...pieces, '!'], { error: 'no', errorDetail: { message: 'no' } })
    await expect(buildServices(engine, want, ['web'], options)).rejects.toMatchObject({
      hint: 'this happened at web, step build-image; the step that failed is web [1/2] RUN x:\n  1039\n  1040\n  1041!',
    })
  })

  it.runIf(process.platform === 'linux')(
    'leaves no file open when the engine refuses the context half-way (needs /proc)',
    async () => {
      const { folder, options } = await start({ Dockerfile: 'FROM scratch', large: 'l'.repeat(50_000_000) })
      const engine = await startBuilder((request, response) => {
        request.once('data', () => {
          request.pause()
          response.writeHead(413).end('far too large')
        })
      })
      const want = project([service('web', { build: { context: folder, dockerfile: 'Dockerfile' } })])
      await expect(buildServices(engine, want, ['web'], options)).rejects.toThrow('far too large')
      const openFiles = (): number =>
        readdirSync('/proc/self/fd').filter((name) => {
          try {
            return readlinkSync(`/proc/self/fd/${name}`) === join(folder, 'large')
          } catch {
            return false
          }
        }).length
      await expect.poll(openFiles).toBe(0)
    },
  )

  it('ends in the words of the engine', async () => {
    const { folder, engine, options } = await start({ Dockerfile: 'FROM scratch' })
    const build = { context: folder, dockerfile: 'Dockerfile', args: { FAIL: 'no such thing' } }
    const want = project([service('web', { build })])
    await expect(buildServices(engine, want, [], options)).rejects.toThrow('target web: no such thing')
    await expect(buildServices(engine, want, ['nosuch'], options)).rejects.toThrow('no such service: nosuch')
  })
})
