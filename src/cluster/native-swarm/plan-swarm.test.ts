import { describe, expect, it } from 'vitest'
import { planSwarm } from './plan-swarm.ts'
import type { EngineSwarm, SwarmPlan } from './plan-swarm.ts'
import { readEngineSwarm } from './read-swarm.ts'

function engine(name: string, over: Partial<EngineSwarm> = {}): EngineSwarm {
  const number = name.charCodeAt(name.length - 1)
  return {
    addr: `${name}:2376`,
    name,
    ip: `10.0.0.${number}`,
    state: 'inactive',
    isManager: false,
    nodeId: '',
    clusterId: '',
    errorText: '',
    remoteIds: [],
    managers: 0,
    ...over,
  }
}

function manager(name: string, clusterId: string, managers = 1): EngineSwarm {
  const nodeId = `${name}-node`
  return engine(name, { state: 'active', isManager: true, nodeId, clusterId, remoteIds: [nodeId], managers })
}

function worker(name: string, of: string): EngineSwarm {
  return engine(name, { state: 'active', nodeId: `${name}-node`, remoteIds: [`${of}-node`] })
}

function stepsOf(plan: SwarmPlan): readonly string[] {
  return plan.steps.map((step) => `${step.kind} ${step.engine.name}${step.kind === 'join' ? ` ${step.as}` : ''}`)
}

describe('planSwarm', () => {
  it('the first by name begins, once all are known', () => {
    const engines = [engine('c'), engine('a'), engine('b')]
    expect(stepsOf(planSwarm(engines, true))).toEqual(['init a'])
    expect(stepsOf(planSwarm(engines, false))).toEqual([])
    expect(stepsOf(planSwarm([], true))).toEqual([])
  })

  it('three are managers where there are three, one where there are fewer', () => {
    expect(stepsOf(planSwarm([manager('a', 'x'), engine('b')], true))).toEqual(['join b worker'])
    const four = [manager('a', 'x'), engine('b'), engine('c'), engine('d')]
    expect(stepsOf(planSwarm(four, true))).toEqual(['join b manager', 'join c manager', 'join d worker'])
    expect(stepsOf(planSwarm([manager('a', 'x', 3), manager('b', 'x', 3), engine('c')], true))).toEqual([
      'join c worker',
    ])
  })

  it('a third engine makes managers of the second and itself, so that there are never two', () => {
    const engines = [manager('a', 'x'), worker('b', 'a'), engine('c')]
    expect(stepsOf(planSwarm(engines, true))).toEqual(['join c manager', 'promote b'])
  })

  it('does nothing when all is done, also while managers that it knows of are down', () => {
    const done = [manager('a', 'x', 3), worker('d', 'a')]
    expect(planSwarm(done, true)).toEqual({ steps: [], notices: [], managers: [done[0]], members: done })
  })

  it('leaves engines of another swarm alone and says so; the larger swarm is the common one', () => {
    const engines = [manager('a', 'other'), manager('b', 'x'), worker('c', 'b'), engine('d')]
    const plan = planSwarm(engines, true)
    expect(stepsOf(plan)).toEqual(['join d manager', 'promote c'])
    expect(plan.managers.map(({ name }) => name)).toEqual(['b'])
    expect(plan.notices).toEqual([
      {
        key: 'a:2376 foreign',
        text:
          'engine a is in another swarm (other) and is left alone: networks that span nodes do not reach it. ' +
          'To take it into the common one, run "docker swarm leave" on it',
      },
    ])
  })

  it('begins no second swarm while the managers of one are silent', () => {
    const plan = planSwarm([worker('b', 'gone'), engine('c')], true)
    expect(stepsOf(plan)).toEqual([])
    expect(plan.notices.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^engine b is a worker of a swarm none/),
    ])
  })

  it('a swarm without a leader: tells what to do, and never forces', () => {
    const errorText = 'rpc error: The swarm does not have a leader.'
    const lost = engine('a', { state: 'active', isManager: true, nodeId: 'a-node', errorText })
    const plan = planSwarm([lost, engine('b')], true)
    expect(plan.steps).toEqual([])
    expect(plan.notices).toEqual([
      {
        key: 'a:2376 headless',
        text: expect.stringMatching(/does not have a leader.*more than half.*force-new-cluster.*never does that/s),
      },
    ])
    // A damaged log shows as an error state.
    const broken = engine('a', { state: 'error', errorText: 'WAL error cannot be repaired' })
    expect(planSwarm([broken], true)).toMatchObject({ steps: [], notices: [{ key: 'a:2376 headless' }] })
    expect(planSwarm([broken, manager('b', 'x')], true).notices).toMatchObject([{ key: 'a:2376 error' }])
  })

  it('tells of locked swarms and of addresses that nobody else reaches', () => {
    const engines = [engine('a', { state: 'locked' }), manager('b', 'x'), engine('c', { ip: '127.0.0.1' })]
    const plan = planSwarm(engines, true)
    expect([plan.steps, plan.notices.map(({ key }) => key)]).toEqual([[], ['c:2376 loopback', 'a:2376 locked']])
  })
})

describe('readEngineSwarm', () => {
  const who = { addr: 'a:1', name: 'a', ip: '10.0.0.1' }

  it('reads what a manager says, and takes anything else for no swarm', () => {
    const info = {
      Swarm: {
        NodeID: 'n1',
        LocalNodeState: 'active',
        ControlAvailable: true,
        Error: '',
        RemoteManagers: [{ NodeID: 'n1', Addr: '10.0.0.1:2377' }, null],
        Managers: 1,
        Cluster: { ID: 'c1' },
      },
    }
    expect(readEngineSwarm(info, who)).toEqual({
      ...who,
      state: 'active',
      isManager: true,
      nodeId: 'n1',
      clusterId: 'c1',
      errorText: '',
      remoteIds: ['n1'],
      managers: 1,
    })
    const none = {
      ...who,
      state: 'inactive',
      isManager: false,
      nodeId: '',
      clusterId: '',
      errorText: '',
      remoteIds: [],
    }
    for (const bad of [{}, { Swarm: null }, { Swarm: { LocalNodeState: 7, RemoteManagers: 'x' } }]) {
      expect(readEngineSwarm(bad, who)).toEqual({ ...none, managers: 0 })
    }
  })
})
