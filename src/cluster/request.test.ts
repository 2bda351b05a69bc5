import { describe, expect, it } from 'vitest'
import { makeNode } from '../testing/cluster-builders.ts'
import { needsRegex } from './expression.ts'
import { noRegex } from './regex.ts'
import {
  addCondition,
  checkConditionLimits,
  isPinned,
  listConditions,
  parseCreate,
  toEngineBody,
  toReservation,
} from './request.ts'
import type { CreateDraft } from './request.ts'
import type { Fields } from './wire.ts'

function parse(body: Fields, name = 'web'): CreateDraft {
  return parseCreate(name, body, noRegex, () => 'f'.repeat(64))
}

describe('rules', () => {
  it('come from labels and environment, in this order, and end up in labels', () => {
    const { body, request, reschedulePolicy, swarmId } = parse({
      Image: 'nginx',
      Env: [
        'A=1',
        'constraint:storage==ssd',
        'affinity:image==nginx',
        'whitelist:node==a|b',
        'reschedule:on-node-failure=',
      ],
      Labels: { app: 'x', 'com.docker.swarm.constraints': '["region==eu"]', 'com.docker.swarm.affinities': 'not json' },
    })
    expect(body).toEqual({
      Image: 'nginx',
      Env: ['A=1'],
      HostConfig: {},
      Labels: {
        app: 'x',
        'com.docker.swarm.affinities': '["image==nginx"]',
        'com.docker.swarm.constraints': '["region==eu","storage==ssd"]',
        'com.docker.swarm.id': 'f'.repeat(64),
        'com.docker.swarm.reschedule-policies': '["on-node-failure"]',
        'com.docker.swarm.whitelists': '["node==a|b"]',
      },
    })
    expect(request.constraints.expressions.map((each) => each.key)).toEqual(['region', 'storage'])
    expect(request.whitelists.problem).toBeUndefined()
    expect([reschedulePolicy, swarmId]).toEqual(['on-node-failure', 'f'.repeat(64)])
  })

  it('survive a second reading of what was sent', () => {
    const first = parse({ Env: ['constraint:storage==~ssd'] })
    const second = parse(first.body)
    expect(second.body).toEqual(first.body)
    expect(second.swarmId).toBe(first.swarmId)
    expect(second.request.constraints.expressions).toMatchObject(
      first.request.constraints.expressions.map(({ key }) => ({ key })),
    )
  })

  it('lose one trailing equals sign, but not that of an operator', () => {
    expect(listConditions({ Env: ['constraint:a1==b=', 'constraint:a1==', 'affinity:a1!='] })).toEqual([
      'a1==b',
      'a1==',
      'a1!=',
    ])
  })

  it('whitelists need no regular expressions', () => {
    expect(needsRegex(listConditions({ Env: ['whitelist:node==a|b'] }))).toBe(false)
  })

  it.each([
    [['reschedule:off', 'reschedule:on-node-failure'], 'too many reschedule policies'],
    [['reschedule:always'], 'invalid reschedule policy: always'],
  ])('%j is refused', (Env, message) => {
    expect(() => parse({ Env })).toThrow(expect.objectContaining({ message, status: 500 }))
  })

  it('beyond a limit of ours are refused, and those that cannot be read are left to the scheduler', () => {
    const check = (expression: string): void => checkConditionLimits(parse({ Env: [expression] }).request)
    expect(() => check(`affinity:image==${'a'.repeat(2000)}`)).toThrow(
      expect.objectContaining({
        status: 400,
        message: `invalid affinity: Value '${'a'.repeat(32)}...' is invalid: longer than 1024 characters`,
      }),
    )
    expect(() => check('constraint:node=x')).not.toThrow()
  })

  it('keep labels called __proto__ as labels', () => {
    const { body } = parse({ Labels: JSON.parse('{"__proto__":"x"}') as Fields })
    expect(JSON.stringify(body)).toContain('"__proto__":"x"')
    expect(Object.getPrototypeOf({})).toBe(Object.prototype)
  })
})

describe('resources', () => {
  it('CpuShares count CPUs; NanoCpus and quotas count when they are more', () => {
    const asked = [{ CpuShares: 2 }, { NanoCpus: 500_000_000 }, { CpuQuota: 150_000 }, { CpuShares: 1, NanoCpus: 2e9 }]
    expect(asked.map((HostConfig) => parse({ HostConfig }).request.nanoCpus)).toEqual([2e9, 5e8, 1.5e9, 2e9])
  })

  it('memory is the limit, or the reservation without one', () => {
    const asked = [{ Memory: 5, MemoryReservation: 3 }, { MemoryReservation: 3 }, {}]
    expect(asked.map((HostConfig) => parse({ HostConfig }).request.memoryBytes)).toEqual([5, 3, 0])
  })

  it('top-level resources of old clients win where they are not zero', () => {
    const { body } = parse({ Memory: 5, CpuShares: 0, Cpuset: '0,1', HostConfig: { Memory: 1, CpuShares: 3 } })
    expect(body).toMatchObject({ HostConfig: { Memory: 5, CpuShares: 3, CpusetCpus: '0,1' } })
    expect(body).not.toHaveProperty('Memory')
  })

  it('go to an engine as shares of its CPUs', () => {
    const { body } = parse({ HostConfig: { CpuShares: 1, Memory: 7 } })
    expect(toEngineBody(body, makeNode('a', { cpus: 3 }))).toMatchObject({ HostConfig: { CpuShares: 342, Memory: 7 } })
  })

  it.each([[-1], [1e30], [1.5], ['many'], [true]])('refuse Memory %j', (Memory) => {
    expect(() => parse({ HostConfig: { Memory } })).toThrow(/^invalid value for HostConfig\.Memory/)
  })
})

describe('needs', () => {
  it('host ports with protocol, address and range; dynamic ones need nothing', () => {
    const { request } = parse({
      HostConfig: {
        PortBindings: {
          '80/tcp': [{ HostPort: '8080' }, { HostIp: '10.0.0.1', HostPort: '8000-8010' }],
          '53/udp': [{ HostPort: '53' }],
          '81/tcp': [{ HostPort: '' }, { HostPort: '0' }, {}],
          '82/tcp': null,
          '83/tcp': [{ HostPort: '99999' }],
        },
      },
    })
    expect(request.ports).toEqual([
      { hostIp: '', from: 8080, to: 8080, protocol: 'tcp', target: '80/tcp' },
      { hostIp: '10.0.0.1', from: 8000, to: 8010, protocol: 'tcp', target: '80/tcp' },
      { hostIp: '', from: 53, to: 53, protocol: 'udp', target: '53/udp' },
    ])
  })

  it('containers whose volumes, links or namespaces are used', () => {
    const HostConfig = { VolumesFrom: ['a:ro'], Links: ['b:x'], IpcMode: 'container:c', PidMode: 'host' }
    const { request } = parse({ HostConfig })
    expect([request.volumesFrom, request.links, request.joins]).toEqual([
      ['a:ro'],
      ['b:x'],
      [{ flag: '--ipc', container: 'c' }],
    ])
    expect(parse({ HostConfig: { Links: ['b:x'], NetworkMode: 'mine' } }).request.links).toEqual([])
  })

  it('exposed ports only in host mode', () => {
    const ExposedPorts = { '80/tcp': {} }
    expect(parse({ ExposedPorts, HostConfig: { NetworkMode: 'host' } }).request.exposed).toEqual(['80/tcp'])
    expect(parse({ ExposedPorts }).request.exposed).toEqual([])
  })

  it.each([
    ['Image', { Image: 1 }],
    ['Env', { Env: 'x' }],
    ['Env[1]', { Env: ['A=b', 1] }],
    ['Labels', { Labels: [] }],
    ['Labels.a', { Labels: { a: 1 } }],
    ['HostConfig', { HostConfig: 'x' }],
    ['ExposedPorts', { ExposedPorts: 3 }],
    ['HostConfig.Links', { HostConfig: { Links: {} } }],
    ['HostConfig.Links[0]', { HostConfig: { Links: [{}] } }],
    ['HostConfig.CpuQuota', { HostConfig: { CpuQuota: '1' } }],
  ])('a wrong type is refused by the path %s', (path, body) => {
    expect(() => parse(body)).toThrow(
      expect.objectContaining({
        status: 400,
        message: expect.stringContaining(`invalid value for ${path}: must be `) as string,
      }) as Error,
    )
  })

  it('null stands for nothing, and in a label for an empty text, as in engines', () => {
    const nulls = { Image: null, Env: null, ExposedPorts: null, HostConfig: null, Memory: null, Labels: { a: null } }
    const draft = parse(nulls)
    expect(draft.request).toMatchObject({ image: '', ports: [], links: [], nanoCpus: 0 })
    expect(draft.body['Labels']).toMatchObject({ a: '' })
  })
})

describe('conditions added on the way', () => {
  it('hold for the placement and leave the labels alone', () => {
    const { request } = parse({})
    const pinned = addCondition(request, 'constraints', 'node==a')
    expect([isPinned(request), isPinned(pinned)]).toEqual([false, true])
    expect(isPinned(addCondition(request, 'constraints', 'node==~a'))).toBe(false)
    expect(isPinned(addCondition(request, 'constraints', 'node!=a'))).toBe(false)
  })

  it('a promise carries what the container will', () => {
    const draft = parse({ Image: 'nginx', HostConfig: { Memory: 7 }, Labels: { app: 'x' } })
    const pending = toReservation(draft, { id: 'p', sinceMs: 1, expiresAtMs: 2 })
    expect(pending).toMatchObject({ id: 'p', names: ['web'], image: 'nginx', memoryBytes: 7, swarmId: draft.swarmId })
    expect(pending.labels.get('app')).toBe('x')
  })
})
