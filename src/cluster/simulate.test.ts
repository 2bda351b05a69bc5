import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arbitraryNodes, arbitraryRequest } from '../../test/conformance/cluster-arbitraries.ts'
import { makeContainer, makeNode } from '../testing/cluster-builders.ts'
import { defaultFilters } from './filters/default-filters.ts'
import { noRegex } from './regex.ts'
import { schedule } from './schedule.ts'
import { Simulation } from './simulate.ts'
import type { SimulatedCreate } from './simulate.ts'
import { drawNodes, numberCreate, parseEvent, parseLines, sketchCreate } from './simulate-input.ts'
import { parseNode, renderNode } from './snapshot-lines.ts'
import { binpackStrategy } from './strategies/binpack.ts'
import { randomStrategy } from './strategies/random.ts'
import { spreadStrategy } from './strategies/spread.ts'

const spread = { filters: defaultFilters, strategy: spreadStrategy }

function draw(nodes: number, labels: Record<string, readonly string[]> = {}): ReturnType<typeof drawNodes> {
  const sketch = { nodes, cpus: 4, memoryBytes: 2 ** 30, gpus: 0, labels: new Map(Object.entries(labels)) }
  return drawNodes({ ...sketch, overcommitPercent: 5 })
}

function sketch(body: Record<string, unknown>, name = ''): SimulatedCreate {
  return sketchCreate(name, body, '', noRegex)
}

function createMany(simulation: Simulation, create: SimulatedCreate, count: number): void {
  for (let index = 0; index < count; index += 1) simulation.create(numberCreate(create, index, count))
}

describe('simulation', () => {
  it('places, refuses and counts', () => {
    const simulation = new Simulation(draw(3, { zone: ['a', 'b'] }), spread, noRegex)
    createMany(simulation, sketch({ Env: ['constraint:zone==a'], HostConfig: { CpuShares: 2 } }), 5)
    createMany(simulation, sketch({ Env: ['constraint:zone==c'] }), 2)
    createMany(simulation, sketch({ Env: ['constraint:zone==~c'] }, 'soft'), 1)
    expect(simulation.report()).toEqual({
      requested: 8,
      placed: 5,
      refused: 3,
      softIgnored: 1,
      moved: 0,
      stranded: 0,
      lost: 0,
      refusals: [
        { reason: 'constraint zone==c', count: 2 },
        { reason: 'constraint zone==a, resources', count: 1 },
      ],
      containers: { least: 1, mean: 1.67, most: 2, deviation: 0.47 },
      cpuPercent: { least: 0, mean: 66.67, most: 100, deviation: 47.14 },
      memoryPercent: { least: 0, mean: 0, most: 0, deviation: 0 },
      nodes: [
        { name: 'node-1', containers: 2, placed: 2, cpuPercent: 100, memoryPercent: 0 },
        { name: 'node-2', containers: 1, placed: 1, cpuPercent: 0, memoryPercent: 0 },
        { name: 'node-3', containers: 2, placed: 2, cpuPercent: 100, memoryPercent: 0 },
      ],
    })
  })

  it('a failed node gives its containers with a policy to others', () => {
    const simulation = new Simulation(draw(2), spread, noRegex)
    createMany(simulation, sketch({ Env: ['reschedule:on-node-failure'] }, 'kept'), 4)
    createMany(simulation, sketch({}, 'plain'), 2)
    expect([simulation.fail('node-1'), simulation.fail('node-1'), simulation.size]).toEqual([true, false, 1])
    expect(simulation.report()).toMatchObject({ placed: 6, moved: 2, stranded: 0, lost: 1 })
    expect(simulation.report().nodes).toMatchObject([{ name: 'node-2', containers: 5 }])
  })

  it('recorded containers go by the rules in their labels', () => {
    const labels = new Map([
      ['com.docker.swarm.reschedule-policies', '["on-node-failure"]'],
      ['com.docker.swarm.constraints', '["zone==b"]'],
    ])
    const nodes = [
      makeNode('a', { containers: [makeContainer('c1', { labels }), makeContainer('c2')] }),
      makeNode('b', { labels: new Map([['zone', 'b']]) }),
      makeNode('c'),
    ]
    const simulation = new Simulation(nodes, spread, noRegex)
    simulation.create(sketch({}, 'c1'))
    expect([simulation.fail('a'), simulation.remove('c2'), simulation.remove('c1')]).toEqual([true, false, true])
    expect(simulation.report()).toMatchObject({
      refused: 1,
      moved: 1,
      lost: 1,
      refusals: [{ reason: 'name c1 is taken' }],
    })
  })

  it('names are unique until their container is removed', () => {
    const simulation = new Simulation([makeNode('a', { containers: [makeContainer('old')] })], spread, noRegex)
    for (const name of ['web', 'web', 'old']) simulation.create(sketch({}, name))
    expect([simulation.remove('web'), simulation.remove('old'), simulation.remove('nope')]).toEqual([true, true, false])
    simulation.create(sketch({}, 'web'))
    expect(simulation.report()).toMatchObject({ placed: 2, refused: 2, nodes: [{ containers: 1 }] })
  })

  it('draws the same for the same seed', () => {
    const run = (seed: number): unknown => {
      const simulation = new Simulation(draw(5), { ...spread, strategy: randomStrategy }, noRegex, seed)
      createMany(simulation, sketch({}), 20)
      return simulation.report().nodes.map((node) => node.containers)
    }
    expect(run(1)).toEqual(run(1))
    expect(run(1)).not.toEqual(run(2))
  })

  it('fills node after node for binpack', () => {
    const simulation = new Simulation(draw(3), { ...spread, strategy: binpackStrategy }, noRegex)
    createMany(simulation, sketch({ HostConfig: { NanoCpus: 1e9 } }), 6)
    expect(simulation.report().nodes.map((node) => node.containers)).toEqual([4, 2, 0])
  })
})

describe('input', () => {
  it('a line of events says what is removed, fails or is created', () => {
    const read = (line: Record<string, unknown>): unknown => parseEvent(line, noRegex)
    expect([read({ remove: 'a' }), read({ fail: 'n' })]).toEqual([
      { kind: 'remove', name: 'a' },
      { kind: 'fail', node: 'n' },
    ])
    const line = { create: { Image: 'x' }, name: 'web', count: 2, platform: 'linux/arm64' }
    expect(read(line)).toMatchObject({ kind: 'create', count: 2, create: { request: { name: 'web', image: 'x' } } })
    expect(() => read({})).toThrow('an event is')
    for (const count of [0, 1.5, 1e30, '3']) expect(() => read({ create: {}, count })).toThrow('count must be')
  })

  it('mistakes name their line', () => {
    const parse = (line: Record<string, unknown>): unknown => parseEvent(line, noRegex)
    expect(() => parseLines('{"fail":"a"}\n\n{"create":3}\n', 'events.jsonl', parse)).toThrow(
      /^events\.jsonl, line 3: an event/,
    )
    expect(() => parseLines('{', 'f', parse)).toThrow(/^f, line 1: /)
    expect(() => parseLines('[]', 'f', parse)).toThrow('f, line 1: not a JSON object')
  })

  it('drawn nodes carry labels in turn and overcommit in whole numbers', () => {
    const nodes = draw(3, { zone: ['a', 'b'] })
    expect(nodes.map((node) => [node.name, node.labels.get('zone'), node.totalCpus])).toEqual([
      ['node-1', 'a', 4],
      ['node-2', 'b', 4],
      ['node-3', 'a', 4],
    ])
  })
})

describe('recording', () => {
  it('a recorded cluster schedules as the one it was', () => {
    fc.assert(
      fc.property(arbitraryNodes, arbitraryRequest, (nodes, request) => {
        const again = nodes.map((node) =>
          parseNode(JSON.parse(JSON.stringify(renderNode(node))) as Record<string, unknown>),
        )
        const place = (all: typeof nodes): unknown => {
          const result = schedule(all, request, spread, { next: () => 0 })
          return result.kind === 'placed' ? [result.node.addr, result.weight] : result
        }
        expect(place(again)).toEqual(place(nodes))
      }),
    )
  })

  it('nothing that is not a node stops it', () => {
    expect(parseNode({ Labels: 3, Containers: [3, {}], Gpus: 'x' })).toMatchObject({ name: '', gpus: [] })
  })
})
