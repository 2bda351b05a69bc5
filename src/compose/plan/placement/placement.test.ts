import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../../testing/apply-plan.ts'
import { emptyEngine, project, service } from '../../../testing/compose-builders.ts'
import type { Deploy } from '../../model/deploy.ts'
import type { Project } from '../../model/project.ts'
import type { Observed, ObservedNode } from '../observed.ts'
import { defaultReconcileOptions } from '../options.ts'
import { isQuestions } from '../plan.ts'
import type { Plan } from '../plan.ts'
import { reconcile } from '../reconcile.ts'
import { hashService } from '../../hash.ts'
import { toCreateBody } from '../../translate.ts'

function node(name: string, extra: Partial<ObservedNode> = {}): ObservedNode {
  return {
    name,
    id: `id-${name}`,
    labels: {},
    role: 'worker',
    os: 'linux',
    architecture: 'amd64',
    isHealthy: true,
    isActive: true,
    containers: 0,
    ...extra,
  }
}

const zones = [
  node('n1', { labels: { zone: 'a', disk: 'ssd' } }),
  node('n2', { labels: { zone: 'a' } }),
  node('n3', { labels: { zone: 'b', disk: 'ssd' } }),
]

const want = (deploy: Deploy, scale = 1): Project => project([service('web', { scale, deploy })])

function plan(wanted: Project, have: Observed): Plan {
  const outcome = reconcile(wanted, have, { ...defaultReconcileOptions, isCluster: true })
  if (isQuestions(outcome)) throw new Error('asked without need')
  return outcome
}

/** Hints of the containers a plan makes, by name. */
function hints(steps: Plan): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    steps.steps.flatMap(({ op, resource }) =>
      op.kind === 'create-container' ? [[resource.replace('Container p-', ''), op.draft.placementHints]] : [],
    ),
  )
}

/** Carries a plan out and puts its containers where the hints say. */
function settle(steps: Plan, have: Observed): Observed {
  const places = hints(steps)
  const after = applyPlan(steps, have)
  const containers = after.containers.map((container) => {
    const pin = places[container.name.replace('p-', '')]?.at(-1)
    const name = pin === undefined ? container.node : /^constraint:node==~?(.*)$/.exec(pin)?.[1]
    return name === undefined ? container : { ...container, node: name }
  })
  return { ...after, containers, ...(have.nodes !== undefined && { nodes: have.nodes }) }
}

const onNodes = (nodes: readonly ObservedNode[]): Observed => ({ ...emptyEngine(), nodes })

describe('constraints', () => {
  it('reach the scheduler as its own expressions, and neither the hash nor a plain engine', () => {
    const constraints = ['node.labels.disk == ssd', 'node.hostname!=n1', 'engine.labels.zone==b', 'node.role==manager']
    const wanted = want({ placement: { constraints } })
    const steps = plan(wanted, onNodes(zones))
    expect(hints(steps)).toEqual({
      'web-1': ['constraint:disk==ssd', 'constraint:node!=n1', 'constraint:zone==b', 'constraint:node.role==manager'],
    })
    const op = steps.steps.map((step) => step.op).find((each) => each.kind === 'create-container')!
    expect(toCreateBody(op.draft, {}).Labels['com.docker.compose.config-hash']).toBe(
      hashService(wanted.services['web']!),
    )
    const plain = reconcile(wanted, emptyEngine(), defaultReconcileOptions) as Plan
    expect(hints(plain)).toEqual({ 'web-1': [] })
  })

  it.each([['zone==a'], ['node.labels.zone'], ['node.labels.zone==a|b'], ['node.size==3'], ['node.hostname==']])(
    '%s is refused by name',
    (text) => {
      expect(() => plan(want({ placement: { constraints: [text] } }), onNodes(zones))).toThrow(
        `service "web": invalid placement constraint ${JSON.stringify(text)}`,
      )
    },
  )
})

describe('global services', () => {
  const global = want({ mode: 'global', placement: { constraints: ['node.labels.disk==ssd'] } })

  it('have one container on each node that fits, follow new nodes, and leave those that no longer fit', () => {
    const first = settle(plan(global, onNodes(zones)), onNodes(zones))
    expect(first.containers.map((entry) => `${entry.name} ${entry.node}`)).toEqual(['p-web-1 n1', 'p-web-2 n3'])
    expect(plan(global, first).steps).toEqual([])

    const grown = { ...first, nodes: [...zones, node('n4', { labels: { disk: 'ssd' } })] }
    const second = settle(plan(global, grown), grown)
    expect(second.containers.map((entry) => entry.node)).toEqual(['n1', 'n3', 'n4'])

    const changed = { ...second, nodes: [node('n1'), ...grown.nodes.slice(1)] }
    const third = settle(plan(global, changed), changed)
    expect(third.containers.map((entry) => `${entry.name} ${entry.node}`)).toEqual(['p-web-2 n3', 'p-web-3 n4'])
  })

  it('do not give up a container on a node that does not answer, and are replaced in their places', () => {
    const first = settle(plan(global, onNodes(zones)), onNodes(zones))
    const silent = { ...first, nodes: [{ ...zones[0]!, isHealthy: false, isActive: false }, ...zones.slice(1)] }
    expect(plan(global, silent).steps).toEqual([])
    const other = want({
      mode: 'global',
      placement: { constraints: ['node.labels.disk==ssd'] },
      endpoint_mode: 'dnsrr',
    })
    const second = settle(plan(other, first), first)
    expect(second.containers.map((entry) => `${entry.name} ${entry.node}`)).toEqual(['p-web-1 n1', 'p-web-2 n3'])
  })

  it('keep what is on a cordoned node as it is and put nothing on it; a drained one is left', () => {
    const first = settle(plan(global, onNodes(zones)), onNodes(zones))
    const nodes = [{ ...zones[0]!, isActive: false, isCordoned: true }, ...zones.slice(1)]
    expect(plan(global, { ...first, nodes }).steps).toEqual([])
    expect(hints(plan(global, onNodes(nodes)))).toEqual({
      'web-1': ['constraint:disk==ssd', 'constraint:node==n3'],
    })
    const changed = project([service('web', { deploy: { mode: 'global' }, environment: { A: '1' } })])
    const steps = plan(changed, { ...first, nodes })
    const second = settle(steps, { ...first, nodes })
    const old = first.containers.map(({ id }) => id)
    expect(second.containers.map(({ id, node: at }) => `${at} ${old.includes(id)}`).sort()).toEqual([
      'n1 true',
      'n2 false',
      'n3 false',
    ])
    expect(steps.warnings).toEqual(['node n1 is cordoned: p-web-1 stays as it is until the node is back in service'])
    const drained = [{ ...zones[0]!, isActive: false }, ...zones.slice(1)]
    const third = settle(plan(global, { ...first, nodes: drained }), { ...first, nodes: drained })
    expect(third.containers.map((entry) => entry.node)).toEqual(['n3'])
  })

  it('are one container on one engine', () => {
    const steps = reconcile(global, emptyEngine(), defaultReconcileOptions) as Plan
    expect(Object.keys(hints(steps))).toEqual(['web-1'])
  })
})

describe('spreading', () => {
  it('goes to the emptiest zone, then the emptiest node', () => {
    const steps = plan(want({ placement: { preferences: [{ spread: 'node.labels.zone' }] } }, 4), onNodes(zones))
    expect(Object.values(hints(steps)).map((list) => list.at(-1))).toEqual([
      'constraint:node==~n1',
      'constraint:node==~n3',
      'constraint:node==~n2',
      'constraint:node==~n3',
    ])
  })

  it('max_replicas_per_node follows a network that one node has, and spreads over one that all have', () => {
    const networks = { default: { name: 'p_default' } }
    const web = (scale: number): Project => ({
      ...project([
        service('web', { scale, networks: { default: null }, deploy: { placement: { max_replicas_per_node: 1 } } }),
        service('db', { networks: { default: null } }),
      ]),
      networks,
    })
    const alone = { ...emptyEngine(), nodes: zones.map((each) => ({ ...each, role: 'none' })) }
    // Nothing is there: the network chooses.
    expect(hints(plan(web(1), alone))).toEqual({ 'db-1': [], 'web-1': [] })
    expect(() => plan(web(2), alone)).toThrow('no node is left for p-web-2')
    const there = settle(plan(web(1), alone), alone)
    const have = {
      ...there,
      containers: there.containers.flatMap((each) => (each.service === 'db' ? [{ ...each, node: 'n3' }] : [])),
    }
    expect(hints(plan(web(1), have))).toEqual({ 'web-1': ['constraint:node==n3'] })
    expect(Object.values(hints(plan(web(2), { ...emptyEngine(), nodes: zones }))).flat()).toHaveLength(2)
  })

  it('no node is given more than max_replicas_per_node, and there is a clear word when that cannot be', () => {
    const most = { placement: { max_replicas_per_node: 2 } }
    const made = settle(plan(want(most, 5), onNodes(zones)), onNodes(zones))
    const first = { ...made, networks: made.networks.map((each) => ({ ...each, driver: 'overlay' })) }
    const counts = zones.map(({ name }) => first.containers.filter((entry) => entry.node === name).length)
    expect(counts).toEqual([2, 2, 1])
    expect(plan(want(most, 5), first).steps).toEqual([])
    expect(() => plan(want(most, 7), first)).toThrow(
      'service "web": no node is left for p-web-7: deploy.placement allows 2 on each of the 3 nodes that fit',
    )
  })
})

describe('jobs', () => {
  it('that have ended well are not done again on a fleet; those that failed are', () => {
    const job = want({ mode: 'replicated-job' })
    const first = settle(plan(job, onNodes(zones)), onNodes(zones))
    const ended = (status: string): Observed => ({
      ...first,
      containers: first.containers.map((entry) => ({ ...entry, state: 'exited', status })),
    })
    expect(plan(job, ended('Exited (0) 3 minutes ago')).steps).toEqual([])
    expect(plan(job, ended('Exited (3) 3 minutes ago')).steps.map(({ op }) => op.kind)).toEqual(['start-container'])
  })
})
