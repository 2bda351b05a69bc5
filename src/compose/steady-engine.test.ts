import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { FlotillaError } from '../core/errors.ts'
import type { Engine, EngineReply, EngineRequest } from '../engine/engine.ts'
import { toSteady } from './steady-engine.ts'

const id = 'a'.repeat(64)
const lost = new FlotillaError('engine/unreachable', 'the connection was closed before it answered')

/** Moves on by what is slept. */
function quickClock(): Parameters<typeof toSteady>[1] {
  let nowMs = 0
  const read = (): number => nowMs
  return {
    nowMs: read,
    monotonicMs: read,
    sleep(ms: number) {
      nowMs += ms
      return Promise.resolve()
    },
  }
}

/** Answers in turn; the last answer again and again. */
function scripted(
  isFleet: boolean | undefined,
  ...answers: readonly (Error | object)[]
): { engine: Engine; asked: string[] } {
  const asked: string[] = []
  const answerNext = (call: string): unknown => {
    const answer = answers[Math.min(asked.length, answers.length - 1)]
    asked.push(call)
    if (answer instanceof Error) throw answer
    return answer
  }
  const engine = {
    isFleet,
    async apiVersion() {
      await Promise.resolve(answerNext('version'))
      return '1.51'
    },
    endpoint: { kind: 'unix', path: '/run/fleet.sock' },
    async request({ method, path, headers }: EngineRequest) {
      const again = headers?.['x-flotilla-lost'] === undefined ? '' : ' again'
      return toReply(await Promise.resolve(answerNext(`${method} ${path.replace(id, 'ID')}${again}`)))
    },
  } as unknown as Engine
  return { engine: toSteady(engine, quickClock()), asked }
}

function toReply(answer: unknown): EngineReply {
  const reply = { status: 200, json: () => Promise.resolve(answer), bytes: () => Promise.resolve(Buffer.alloc(0)) }
  return reply as unknown as EngineReply
}

describe('a fleet whose manager goes', () => {
  it.each([
    ['GET', '/containers/json'],
    ['POST', `/containers/${id}/stop`],
    ['DELETE', `/containers/${id}`],
    ['DELETE', '/volumes/shop_data'],
    ['POST', '/networks/create'],
  ] as const)('is asked again: %s %s', async (method, path) => {
    const { engine, asked } = scripted(true, lost, lost, {})
    expect((await engine.request({ method, path })).status).toBe(200)
    const call = `${method} ${path.replace(id, 'ID')}`
    expect(asked).toEqual([call, `${call} again`, `${call} again`])
  })

  it('is asked for a minute, and is then gone for whoever asks next', async () => {
    const { engine, asked } = scripted(true, lost)
    await expect(engine.request({ method: 'GET', path: '/networks' })).rejects.toBe(lost)
    const tries = asked.length
    expect(tries).toBeGreaterThan(20)
    await expect(engine.request({ method: 'GET', path: '/networks' })).rejects.toBe(lost)
    expect(asked).toHaveLength(tries + 1)
  })

  it('is asked for the same once more when it hung', async () => {
    const late = new FlotillaError('engine/timeout', 'late')
    const answered = scripted(true, late, {})
    expect((await answered.engine.request({ method: 'GET', path: '/networks' }, { deadlineMs: 1 })).status).toBe(200)
    const hanging = scripted(true, late)
    await expect(hanging.engine.request({ method: 'GET', path: '/networks' })).rejects.toBe(late)
    expect(hanging.asked).toHaveLength(2)
  })

  it('is asked no longer than the call may take', async () => {
    const { engine, asked } = scripted(true, lost)
    await expect(engine.request({ method: 'GET', path: '/networks' }, { deadlineMs: 2000 })).rejects.toBe(lost)
    expect(asked).toHaveLength(4)
  })

  it.each([
    ['what may not be done twice', { method: 'POST', path: `/containers/${id}/kill` }, lost],
    ['a lock was let go', { method: 'DELETE', path: '/volumes/n1/flotilla-lock_shop_1' }, lost],
    ['a body that has passed', { method: 'PUT', path: `/containers/${id}/archive`, body: Readable.from(['x']) }, lost],
    ['a hang', { method: 'POST', path: `/containers/${id}/stop` }, new FlotillaError('engine/timeout', 'late')],
    ['a refusal', { method: 'GET', path: '/networks' }, new FlotillaError('engine/server', 'no', { status: 500 })],
  ] as const)('is not asked again after %s', async (_, request, error) => {
    const { engine, asked } = scripted(true, error, {})
    await expect(engine.request(request)).rejects.toBe(error)
    expect(asked).toHaveLength(1)
  })

  const create = {
    method: 'POST',
    path: '/containers/create',
    query: { name: 'shop-web-1' },
    body: { Image: 'web', Labels: { 'com.docker.compose.project': 'shop' } },
  } as const

  function found(status: string, project: string): object {
    const labels = { 'com.docker.compose.project': project, 'com.docker.swarm.id': '1' }
    return {
      Id: id,
      Name: '/shop-web-1',
      State: { Status: status },
      Config: { Labels: labels },
      Mounts: [],
      HostConfig: {},
    }
  }

  it('makes a container of which nothing came', async () => {
    const { engine, asked } = scripted(true, lost, new FlotillaError('engine/not-found', 'none', { status: 404 }), {})
    await engine.request(create)
    expect(asked.slice(1)).toEqual(['GET /containers/shop-web-1/json', 'POST /containers/create again'])
  })

  it('makes a container anew that was made without an answer', async () => {
    const { engine, asked } = scripted(true, lost, found('created', 'shop'), {})
    await engine.request(create)
    const calls = ['GET /containers/shop-web-1/json', 'DELETE /containers/ID', 'POST /containers/create again']
    expect(asked.slice(1)).toEqual(calls)
  })

  it('waits for the container that is still being made, and makes it anew', async () => {
    const taken = new FlotillaError('engine/conflict', 'the name is taken', { status: 409 })
    const none = new FlotillaError('engine/not-found', 'none', { status: 404 })
    const { engine, asked } = scripted(true, lost, none, taken, found('created', 'shop'), {})
    await engine.request(create)
    expect(asked.slice(1)).toEqual([
      'GET /containers/shop-web-1/json',
      'POST /containers/create again',
      'GET /containers/shop-web-1/json',
      'DELETE /containers/ID',
      'POST /containers/create again',
    ])
  })

  it.each([
    ['that runs', found('running', 'shop')],
    ['of somebody else', found('created', 'other')],
  ])('leaves a container of that name %s', async (_, other) => {
    const { engine, asked } = scripted(true, lost, other, {})
    await engine.request(create)
    expect(asked.slice(1)).toEqual(['GET /containers/shop-web-1/json', 'POST /containers/create again'])
  })
})

describe('what has not said what it is', () => {
  it('is read once more when the first connection was cut', async () => {
    const { engine, asked } = scripted(undefined, lost, {})
    expect((await engine.request({ method: 'GET', path: '/networks' })).status).toBe(200)
    expect(asked).toHaveLength(2)
    const version = scripted(undefined, lost, {})
    expect(await version.engine.apiVersion()).toBe('1.51')
    expect(version.asked).toEqual(['version', 'version'])
  })

  it('is not read once more when there was none', async () => {
    const refused = new FlotillaError('engine/unreachable', 'cannot reach engine: connection refused')
    const { engine, asked } = scripted(undefined, refused, {})
    await expect(engine.request({ method: 'GET', path: '/networks' })).rejects.toBe(refused)
    expect(asked).toHaveLength(1)
  })
})

describe('one engine', () => {
  it('is not asked again', async () => {
    const { engine, asked } = scripted(false, lost, {})
    await expect(engine.request({ method: 'GET', path: '/networks' })).rejects.toBe(lost)
    expect(asked).toHaveLength(1)
  })
})
