import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeContainer, makeNode } from '../../testing/cluster-builders.ts'
import type { NodeView } from '../model.ts'
import { compareNeed, findDamping, findVolumeHold, judge, listNetworkNodes } from './decide.ts'
import { locate, maxPerHour, retryDelayMs, settleHistory, toPassingName, trimHistory } from './decide.ts'
import type { World } from './decide.ts'
import { judgeDuplicates } from './duplicates.ts'
import { Pacing, perMinute } from './pacing.ts'
import { isMeantToRun, recordContainer } from './record-container.ts'
import { parseMark, parseRecord, renderMark, renderRecord } from './record.ts'
import type { ContainerRecord, Move } from './record.ts'
import { lostSight } from './sight.ts'
import type { Sight } from './sight.ts'

const minuteMs = 60_000

function makeRecord(over: Partial<ContainerRecord> = {}): ContainerRecord {
  return {
    swarmId: 's1',
    name: 'web',
    isRunning: true,
    ended: undefined,
    generation: 0,
    home: { engineId: 'n1-id', addr: 'n1:2375', node: 'n1', containerId: 'web-id' },
    body: { Image: 'busybox' },
    networks: [],
    volumes: [],
    hasPolicy: true,
    move: undefined,
    history: [],
    left: [],
    ...over,
  }
}

function makeMove(over: Partial<Move> = {}): Move {
  return { kind: 'failure', target: undefined, wanted: '', attempts: 0, sinceMs: 0, ...over }
}

function makeWorld(nodes: readonly NodeView[], over: Partial<World> = {}): World {
  return {
    nodeOf: (engineId) => nodes.find((node) => node.engineId === engineId),
    nodeAt: (addr) => nodes.find((node) => node.addr === addr),
    isConfirmedGone: () => false,
    isAskedElsewhere: () => false,
    sightOf: () => lostSight,
    isForced: () => false,
    ...over,
  }
}

const web = makeContainer('web')
const unhealthy = { state: 'unhealthy', failures: 3, indicator: 0 } as const
const pending = { state: 'pending', failures: 0, indicator: 0 } as const
const up = makeNode('n1', { containers: [web] })
const down = makeNode('n1', { containers: [web], health: unhealthy })
const elsewhere: Sight = { isLost: false, reachedBy: ['m2:3376'] }
const seen: Partial<World> = { sightOf: () => elsewhere }
const unasked: Partial<World> = { sightOf: () => undefined }
const gone: Partial<World> = { isConfirmedGone: () => true }
const target = { engineId: 'n2-id', addr: 'n2:2375', node: 'n2' }

describe('where a container is', () => {
  it.each([
    ['its engine has it', [up], {}, 'here'],
    ['its engine has it no more', [makeNode('n1')], {}, 'missing'],
    ['its engine does not answer', [down], {}, 'lost'],
    ['its engine is being read', [makeNode('n1', { health: pending })], {}, 'unclear'],
    ['its engine left discovery', [], {}, 'unclear'],
    ['and is confirmed gone', [], gone, 'lost'],
    ['another manager reaches it', [down], seen, 'unreached'],
    ['nobody else has said so yet', [down], unasked, 'unreached'],
    ['it left discovery and another manager reaches it', [], { ...gone, ...seen }, 'unreached'],
    ['it answers, whatever others say', [up], seen, 'here'],
    ['another engine has its address', [makeNode('n1', { engineId: 'other' })], {}, 'lost'],
    ['another one there is not in service', [makeNode('n1', { engineId: 'other', health: pending })], {}, 'unclear'],
  ] as const)('%s', (_, nodes, over, where) => {
    expect(locate(makeRecord().home, makeWorld(nodes, over))).toBe(where)
  })
})

describe('what is done about it', () => {
  const draining = makeNode('n1', { containers: [web], availability: 'drain' })
  const failing = makeMove()
  it.each([
    ['nothing while all is well', {}, up, { kind: 'stay' }],
    ['moved when its node fails', {}, down, { kind: 'move', move: 'failure' }],
    ['not without a policy', { hasPolicy: false }, down, { kind: 'stay' }],
    ['called off when the node returns', { move: failing }, up, { kind: 'cancel', why: 'node n1 came back' }],
    ['finished when it was begun', { move: makeMove({ target }) }, up, { kind: 'move', move: 'failure' }],
    ['drained', {}, draining, { kind: 'move', move: 'drain' }],
    ['not drained without a policy', { hasPolicy: false }, draining, { kind: 'forget' }],
    ['paused nodes keep theirs', {}, makeNode('n1', { containers: [web], availability: 'pause' }), { kind: 'stay' }],
    [
      'a drain that is undone',
      { move: makeMove({ kind: 'drain' }) },
      up,
      { kind: 'cancel', why: 'node n1 is no longer drained' },
    ],
    [
      'a drain whose node fails',
      { move: makeMove({ kind: 'drain', target }) },
      down,
      { kind: 'move', move: 'failure' },
    ],
    ['removed by somebody', {}, makeNode('n1'), { kind: 'forget' }],
    ['a rebalance', { move: makeMove({ kind: 'rebalance' }) }, up, { kind: 'move', move: 'rebalance' }],
  ] as const)('%s', (_, over, node, verdict) => {
    expect(judge(makeRecord(over), makeWorld([node]))).toEqual(verdict)
  })

  it.each([
    [
      'kept while another manager reaches its engine',
      {},
      elsewhere,
      'hold',
      /not reached from here, but from manager m2:3376$/,
    ],
    ['kept until the others have said', {}, undefined, 'hold', /the other managers are being asked$/],
    ['what was begun waits too', { hasPolicy: false, move: makeMove({ target }) }, elsewhere, 'hold', /^node n1 is /],
    ['nothing to keep without a policy', { hasPolicy: false }, elsewhere, 'stay', /^$/],
  ] as const)('%s', (_, over, sight, kind, why) => {
    const verdict = judge(makeRecord(over), makeWorld([down], { sightOf: () => sight }))
    expect(verdict.kind).toBe(kind)
    expect(verdict.kind === 'hold' ? verdict.why : '').toMatch(why)
  })

  it('one that has moved gets its name back', () => {
    const passing = makeContainer('web', { names: [toPassingName(makeRecord(), 'leaving')] })
    expect(judge(makeRecord(), makeWorld([makeNode('n1', { containers: [passing] })]))).toEqual({ kind: 'rename' })
  })

  it('a forced drain takes all', () => {
    const world = makeWorld([draining], { isForced: () => true })
    expect(judge(makeRecord({ hasPolicy: false }), world)).toEqual({ kind: 'move', move: 'drain' })
  })

  it('nobody moves what its engine has, on a node that is in service', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.boolean(), fc.integer({ min: 0, max: 5 }), (hasPolicy, isMoving, generation) => {
        const move = isMoving ? makeMove() : undefined
        const verdict = judge(makeRecord({ hasPolicy, move, generation }), makeWorld([up]))
        expect(verdict.kind).not.toBe('move')
      }),
    )
  })
})

describe('damping', () => {
  it('three times within an hour are enough', () => {
    const nowMs = 100 * minuteMs
    expect(
      findDamping(
        [50, 60].map((minute) => minute * minuteMs),
        nowMs,
      ),
    ).toBeUndefined()
    expect(
      findDamping(
        [50, 60, 70].map((minute) => minute * minuteMs),
        nowMs,
      ),
    ).toBe('rescheduled 3 times within an hour: waiting 10 more minutes')
    expect(
      findDamping(
        [30, 60, 70].map((minute) => minute * minuteMs),
        nowMs,
      ),
    ).toBeUndefined()
    // Of a manager whose clock is ahead.
    expect(
      findDamping(
        [900, 900, 900].map((minute) => minute * minuteMs),
        nowMs,
      ),
    ).toContain('waiting 60 more minutes')
  })

  it('times of a clock that was ahead count as now once, and then they pass', () => {
    const nowMs = 100 * minuteMs
    const past = [50, 60].map((minute) => minute * minuteMs)
    expect(settleHistory(past, nowMs)).toBe(past)
    const settled = settleHistory([60 * minuteMs, 1e15, 1e15], nowMs)
    expect(settled).toEqual([60 * minuteMs, nowMs, nowMs])
    expect(findDamping(settled, nowMs + minuteMs)).toContain('waiting 19 more minutes')
    expect(findDamping(settleHistory([1e15, 1e15, 1e15], nowMs), nowMs + 61 * minuteMs)).toBeUndefined()
  })

  it('never more than that in any hour, whenever it is asked', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 * minuteMs }), { maxLength: 60 }), (gaps) => {
        let nowMs = 0
        let history: readonly number[] = []
        const done: number[] = []
        for (const gap of gaps) {
          nowMs += gap
          if (findDamping(history, nowMs) !== undefined) continue
          history = [...trimHistory(history, nowMs), nowMs]
          done.push(nowMs)
        }
        for (const at of done) {
          expect(done.filter((each) => each > at - 60 * minuteMs && each <= at).length).toBeLessThanOrEqual(maxPerHour)
        }
      }),
    )
  })
})

describe('pacing', () => {
  it('no engine is given more than ten within any minute, and after one it has room again', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 200 }), (gaps) => {
        const pacing = new Pacing()
        const taken: number[] = []
        let nowMs = 0
        for (const gap of gaps) {
          nowMs += gap
          if (pacing.take('e', nowMs)) taken.push(nowMs)
        }
        for (const at of taken) {
          const within = taken.filter((each) => each > at - minuteMs && each <= at).length
          expect(within).toBeLessThanOrEqual(perMinute)
        }
        expect(pacing.take('e', nowMs + minuteMs)).toBe(true)
      }),
    )
  })

  it('one engine does not wait for another', () => {
    const pacing = new Pacing()
    for (let count = 0; count < perMinute; count += 1) expect(pacing.take('a', 0)).toBe(true)
    expect([pacing.take('a', 0), pacing.take('b', 0), pacing.take('a', 59_999), pacing.take('a', 60_000)]).toEqual([
      false,
      true,
      false,
      true,
    ])
  })
})

describe('retries and order', () => {
  it('waits longer each time, five minutes at most', () => {
    expect([1, 2, 3, 10, 1000].map((attempts) => retryDelayMs(attempts, 0.5))).toEqual([
      5000, 10_000, 20_000, 300_000, 300_000,
    ])
  })

  it('those with few places go first, then the big ones', () => {
    const rule = { Labels: { 'com.docker.swarm.constraints': '["disk==ssd"]' } }
    const soft = { Labels: { 'com.docker.swarm.constraints': '["disk==~ssd"]' } }
    const records = [
      makeRecord({ swarmId: 'soft', body: soft }),
      makeRecord({ swarmId: 'big', body: { HostConfig: { Memory: 100 } } }),
      makeRecord({ swarmId: 'ruled', body: rule }),
      makeRecord({ swarmId: 'port', body: { HostConfig: { PortBindings: { '80/tcp': [] } } } }),
      makeRecord({ swarmId: 'plain' }),
    ]
    expect(records.sort(compareNeed).map((each) => each.swarmId)).toEqual(['ruled', 'port', 'big', 'plain', 'soft'])
  })
})

describe('what holds a container', () => {
  const data = { name: 'data', driver: 'local', options: {} }
  it.each([
    ['a local volume', { volumes: [data] }, false, 'the data of its volume data is on node n1 only'],
    ['unless the manager allows it', { volumes: [data] }, true, undefined],
    [
      'or the container',
      { volumes: [data], body: { Labels: { 'flotilla.reschedule.volumes': 'new' } } },
      false,
      undefined,
    ],
    ['not one of a driver that reaches all nodes', { volumes: [{ ...data, driver: 'rexray' }] }, false, undefined],
    ['nor a local one over NFS', { volumes: [{ ...data, options: { type: 'nfs' } }] }, false, undefined],
  ] as const)('%s', (_, over, isAllowed, why) => {
    expect(findVolumeHold(makeRecord(over), isAllowed)).toBe(why)
  })

  it('networks that only its node has', () => {
    const network = (name: string) => ({
      id: name,
      name,
      scope: 'local',
      driver: 'bridge',
      labels: new Map(),
      createdAtMs: 0,
      row: {},
    })
    const nodes = [
      makeNode('n1', { networks: [network('front')] }),
      makeNode('n2', { networks: [network('front')], swarmRole: 'worker' }),
      makeNode('n3', { swarmRole: 'manager' }),
    ]
    const use = (name: string, isSpanning: boolean) => ({ name, settings: {}, isSpanning })
    const listFor = (...networks: ReturnType<typeof use>[]) => listNetworkNodes(makeRecord({ networks }), nodes)
    expect(listFor()).toBeUndefined()
    expect(listFor(use('front', false))).toEqual(new Set(['n1', 'n2']))
    expect(listFor(use('wide', true))).toEqual(new Set(['n2', 'n3']))
    expect(listFor(use('wide', true), use('front', false))).toEqual(new Set(['n2']))
    expect(listFor(use('back', false))).toBe('network back is on node n1 only')
  })
})

describe('whether it is started', () => {
  const ended = (atMs: number, exitCode: number) => ({ isRunning: false, ended: { atMs, exitCode } })
  const move = makeMove({ sinceMs: 100_000 })
  const always = { HostConfig: { RestartPolicy: { Name: 'always' } } }
  it.each([
    ['it ran', { isRunning: true }, true],
    ['it never ran', { isRunning: false }, false],
    ['a signal ended it with its host', { ...ended(95_000, 137), move }, true],
    ['a signal ended it long before', { ...ended(10_000, 143), move }, false],
    ['it ended by itself', { ...ended(95_000, 0), move }, false],
    ['it ended by itself and wants to run', { ...ended(95_000, 0), move, body: always }, true],
    ['it was stopped and its node is drained', { ...ended(95_000, 137), move: makeMove({ kind: 'drain' }) }, false],
  ] as const)('%s', (_, over, isStarted) => {
    expect(isMeantToRun(makeRecord(over))).toBe(isStarted)
  })
})

describe('records', () => {
  const recipe = { body: { Image: 'busybox' }, networks: [], volumes: [], endpointIds: '' }
  const labels = new Map([['com.docker.swarm.reschedule-policies', '["on-node-failure"]']])
  const kept = makeContainer('web', { swarmId: 's1', labels, recipe })

  it('say what their node shows, and are the same while nothing changes', () => {
    const first = recordContainer(undefined, up, kept)
    expect(first).toEqual(makeRecord())
    expect(recordContainer(first, up, { ...kept })).toBe(first)
    expect(recordContainer(first, up, { ...kept, names: ['other'] })).toEqual(makeRecord({ name: 'other' }))
    expect(recordContainer(first, up, { ...kept, names: ['web-moving-s1'] })).toBe(first)
  })

  it('older copies elsewhere do not count, newer ones do', () => {
    const first = makeRecord({ generation: 1 })
    const elsewhere = makeNode('n2')
    expect(recordContainer(first, elsewhere, kept)).toBe(first)
    const newer = { ...kept, labels: new Map([...labels, ['flotilla.generation', '2']]) }
    expect(recordContainer(first, elsewhere, newer)).toMatchObject({ generation: 2, home: { node: 'n2' } })
  })

  it('come back as they were written', () => {
    const record = makeRecord({
      move: makeMove({ target }),
      ended: { atMs: 1, exitCode: 2 },
      history: [1, 2],
      networks: [{ name: 'n', settings: { Aliases: ['a'] }, isSpanning: true }],
      volumes: [{ name: 'v', driver: 'local', options: { type: 'nfs' } }],
    })
    expect(parseRecord(renderRecord(record))).toEqual(record)
    const mark = {
      engineId: 'e',
      node: 'n',
      mark: { availability: 'drain', labels: new Map([['a', 'b']]) },
      isForced: true,
    } as const
    expect(parseMark(renderMark(mark))).toEqual(mark)
  })

  it('anything else is no record, and no error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        parseRecord(text)
        parseMark(text)
      }),
    )
    expect(parseRecord('{"format":1,"swarmId":"a"}')).toBeUndefined()
    expect(parseRecord(renderRecord(makeRecord()).replace('"format":1', '"format":2'))).toBeUndefined()
  })
})

describe('containers with one swarm ID', () => {
  const copy = (node: string, generation: number, over: Parameters<typeof makeContainer>[1] = {}) => ({
    node: makeNode(node),
    item: makeContainer(`${node}-web`, { labels: new Map([['flotilla.generation', String(generation)]]), ...over }),
  })
  const removed = (...found: Parameters<typeof judgeDuplicates>[0]) =>
    judgeDuplicates(found, undefined).remove.map(({ loser }) => loser.node.name)

  it('the newest stays', () => {
    expect(removed(copy('n1', 0), copy('n2', 2), copy('n3', 1))).toEqual(['n1', 'n3'])
  })

  it('but not on trust: equals stay, and so does one that runs where its replacement does not', () => {
    expect(removed(copy('n1', 0), copy('n2', 0))).toEqual([])
    expect(removed(copy('n1', 1), copy('n2', 1))).toEqual([])
    expect(removed(copy('n1', 0), copy('n2', 1, { state: 'exited' }))).toEqual([])
    expect(removed(copy('n1', 0, { state: 'exited' }), copy('n2', 1, { state: 'exited' }))).toEqual(['n1'])
    const dead = { ...copy('n2', 1), node: makeNode('n2', { health: unhealthy }) }
    expect(removed(copy('n1', 0), dead)).toEqual([])
  })

  it('what is on record counts more than what runs, and a move under way is left alone', () => {
    const found = [copy('n1', 0), copy('n2', 1, { state: 'exited' })]
    const home = { ...target, containerId: 'n2-web-id' }
    const record = makeRecord({ generation: 1, home })
    expect(judgeDuplicates(found, record).remove).toHaveLength(1)
    const moving = (node: string) => makeMove({ target: { ...target, engineId: makeNode(node).engineId, node } })
    expect(judgeDuplicates(found, { ...record, move: moving('n1') }).remove).toEqual([])
    // Nor is the one that is known to have been left on the target before the move.
    const left = [{ engineId: makeNode('n1').engineId, containerId: 'n1-web-id' }]
    expect(judgeDuplicates(found, { ...record, move: moving('n1'), left }).remove).toHaveLength(1)
    // Except for what an earlier attempt left elsewhere: it has the name that the move needs.
    const rest = judgeDuplicates(found, { ...record, move: moving('n3') }).remove
    expect(rest.map(({ loser }) => loser.node.name)).toEqual(['n1'])
    expect(judgeDuplicates(found, { ...record, generation: 0, move: moving('n3') }).remove).toEqual([])
    // What an attempt left behind that was given up gives way to the recorded one.
    const back = makeRecord({ generation: 1, home: { ...makeRecord().home, containerId: 'n1-web-id' } })
    expect(judgeDuplicates(found, back).remove.map(({ loser }) => loser.node.name)).toEqual(['n2'])
  })

  it('one is always left, and it is the newest or the recorded one', () => {
    const copies = fc.array(fc.record({ generation: fc.integer({ min: 0, max: 3 }), isRunning: fc.boolean() }), {
      maxLength: 5,
    })
    fc.assert(
      fc.property(copies, (list) => {
        const found = list.map(({ generation, isRunning }, index) =>
          copy(`n${index}`, generation, { state: isRunning ? 'running' : 'exited' }),
        )
        const { remove } = judgeDuplicates(found, undefined)
        expect(remove.length).toBeLessThan(Math.max(1, found.length))
        for (const { loser, winner } of remove) {
          expect(Number(loser.item.labels.get('flotilla.generation'))).toBeLessThan(
            Number(winner.item.labels.get('flotilla.generation')),
          )
        }
      }),
    )
  })
})
