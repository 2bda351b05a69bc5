import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../../testing/apply-plan.ts'
import { dictionary, emptyEngine, project, service } from '../../../testing/compose-builders.ts'
import type { Project } from '../../model/project.ts'
import type { Observed } from '../observed.ts'
import { defaultReconcileOptions } from '../options.ts'
import { isQuestions } from '../plan.ts'
import type { Plan } from '../plan.ts'
import { reconcile } from '../reconcile.ts'

function plan(wanted: Project, have: Observed = emptyEngine(), more: object = {}): Plan {
  const outcome = reconcile(wanted, have, { ...defaultReconcileOptions, isCluster: true, ...more })
  if (isQuestions(outcome)) throw new Error('asked without need')
  return outcome
}

/** What a cluster is told of the containers on the networks that a plan makes, by network. */
function guests(steps: Plan): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    steps.steps.flatMap(({ op }) =>
      op.kind === 'create-network' ? [[op.body.Name, op.body.Flotilla?.Container] as const] : [],
    ),
  )
}

const on = (...keys: string[]) => ({ networks: dictionary(Object.fromEntries(keys.map((key) => [key, null]))) })
const data = (source: string) => ({ volumes: [{ type: 'volume' as const, source, target: '/data' }] })

describe('a network that a cluster is to make', () => {
  it('comes with the conditions, data, room and other networks of all services that are tied to it', () => {
    const services = [
      service('web', {
        ...on('front', 'outer'),
        scale: 2,
        ports: [
          { target: 80, published: '8080', protocol: 'tcp' },
          { target: 81, published: '9000-9010' },
        ],
        environment: dictionary({ 'constraint:storage': '=ssd', PATH: '/bin' }),
        labels: dictionary({ 'com.docker.swarm.affinities': '["image==x"]', 'com.docker.swarm.constraints': '{' }),
        deploy: { resources: { limits: { cpus: 0.5, memory: 100 } } },
      }),
      service('db', {
        ...on('back'),
        ...data('data'),
        deploy: { placement: { constraints: ['node.labels.zone==a'] } },
        volumes_from: ['container:old:ro'],
        pid: 'container:other',
      }),
      service('odd', { ...on('back'), deploy: { placement: { constraints: ['nothing'] } } }),
      service('off', { ...on('back'), scale: 0, environment: dictionary({ 'constraint:node': '=n9' }) }),
      service('alone', { network_mode: 'bridge', environment: dictionary({ 'constraint:node': '=n8' }) }),
      service('there', { ...on('outer'), environment: dictionary({ 'constraint:node': '=n7' }) }),
    ]
    const wanted = project(services, {
      networks: { front: {}, back: {}, outer: { name: 'outer', external: true } },
      volumes: { data: {} },
    })
    const have = { ...emptyEngine(), networks: [{ id: 'o', name: 'outer', driver: 'bridge', labels: {} }] }
    const made = guests(plan(wanted, have, { services: ['web'] }))
    expect(made).toEqual({
      p_front: {
        Env: ['constraint:storage==ssd', 'affinity:image==x', 'constraint:zone==a'],
        HostConfig: {
          Binds: ['p_data:/v0'],
          VolumesFrom: ['old', 'other'],
          PortBindings: { '80/tcp': [{ HostPort: '8080' }] },
          NanoCpus: 1e9,
          Memory: 200,
        },
        NetworkingConfig: { EndpointsConfig: { outer: {} } },
      },
    })
  })

  it('comes with what services ask that are tied to one on it, whatever networks they are on', () => {
    const at = (node: string) => ({ environment: dictionary({ 'constraint:node': `=${node}` }) })
    const after = (name: string) => ({
      depends_on: dictionary({ [name]: { condition: 'service_started' as const, required: true, restart: true } }),
    })
    const services = [
      service('web', on('front')),
      service('debug', { ...after('web'), network_mode: 'bridge', pid: 'service:web', ...at('a') }),
      service('copy', { ...after('debug'), network_mode: 'none', volumes_from: ['debug:ro'], ...at('b') }),
      service('side', { ...after('web'), network_mode: 'service:web', ...at('c') }),
      service('main', { network_mode: 'container:outer', ipc: 'shareable', ...data('data'), ...at('d') }),
      service('user', { ...after('main'), ...on('front'), ipc: 'service:main' }),
      service('apart', { network_mode: 'bridge', ...at('e') }),
      service('beside', { ...after('apart'), network_mode: 'bridge', pid: 'service:apart', ...at('f') }),
      service('off', { ...after('web'), network_mode: 'bridge', scale: 0, pid: 'service:web', ...at('g') }),
    ]
    const wanted = project(services, { networks: { front: {} }, volumes: { data: {} } })
    expect(guests(plan(wanted))['p_front']).toMatchObject({
      Env: ['constraint:node==a', 'constraint:node==b', 'constraint:node==c', 'constraint:node==d'],
      HostConfig: { Binds: ['p_data:/v0'], VolumesFrom: ['outer'] },
    })
  })

  it('is followed by services that are tied to one on it and on none themselves, made after it', () => {
    const services = [
      service('main', { network_mode: 'bridge', ipc: 'shareable' }),
      service('user', {
        ...on('front'),
        ipc: 'service:main',
        depends_on: dictionary({ main: { condition: 'service_started', required: true, restart: true } }),
      }),
      service('apart', { network_mode: 'bridge' }),
    ]
    const { steps } = plan(project(services, { networks: { front: {} } }))
    const near = steps.flatMap(({ op, after }) =>
      op.kind === 'create-container' ? [[op.draft.service.name, op.draft.nearNetworks, after] as const] : [],
    )
    const network = steps.find(({ op }) => op.kind === 'create-network')?.id
    expect(near).toEqual([
      ['apart', [], []],
      ['main', ['p_front'], [network]],
      ['user', [], expect.arrayContaining([network])],
    ])
    const alone = reconcile(project(services, { networks: { front: {} } }), emptyEngine(), defaultReconcileOptions)
    expect(JSON.stringify(alone)).not.toContain('"nearNetworks":["')
  })

  it('may be made away from data when all services that have some say so', () => {
    const withLabel = { ...data('data'), labels: dictionary({ 'flotilla.reschedule.volumes': 'new' }) }
    const made = (more: object): unknown =>
      guests(plan(project([service('web', withLabel), service('db', more)], { volumes: { data: {} } })))['p_default']
    expect(made({})).toMatchObject({ Labels: { 'flotilla.reschedule.volumes': 'new' } })
    expect(made(data('data'))).not.toHaveProperty('Labels')
  })

  it('goes back to the node where its containers are, whose room is theirs', () => {
    const wanted = (subnet: string): Project =>
      project([service('web', { ports: [{ target: 80, published: '80' }] })], {
        networks: { default: { ipam: { config: [{ subnet }] } } },
      })
    const first = applyPlan(plan(wanted('10.1.0.0/16')), emptyEngine())
    const there = { ...first, containers: first.containers.map((each) => ({ ...each, node: 'n2' })) }
    expect(guests(plan(wanted('10.2.0.0/16'), there))).toEqual({
      p_default: {
        Env: ['constraint:node==~n2'],
        HostConfig: { Binds: [], VolumesFrom: [] },
        NetworkingConfig: { EndpointsConfig: {} },
      },
    })
  })

  it('is made with nothing more on one engine', () => {
    expect(guests(plan(project([service('web')]), emptyEngine(), { isCluster: false }))).toEqual({
      p_default: undefined,
    })
  })
})
