import { describe, expect, it } from 'vitest'
import { applyPlan } from '../../testing/apply-plan.ts'
import { dependsOn, dictionary, emptyEngine, project, service } from '../../testing/compose-builders.ts'
import type { Project } from '../model/project.ts'
import { toCreateBody } from '../translate.ts'
import type { Observed } from './observed.ts'
import { toOneOffName, withOneOff } from './one-off.ts'
import type { OneOffChange } from './one-off.ts'
import { defaultReconcileOptions } from './options.ts'
import type { ReconcileOptions } from './options.ts'
import { isQuestions, renderPlan } from './plan.ts'
import type { Plan } from './plan.ts'
import { reconcile } from './reconcile.ts'

const slug = '0123456789ab'.padEnd(64, 'f')
const plainChange: OneOffChange = {
  isTty: false,
  isInteractive: true,
  command: [],
  ports: [],
  volumes: [],
  environment: dictionary({}),
  labels: dictionary({}),
  capAdd: [],
  capDrop: [],
}

const shop = project(
  [
    service('web', {
      depends_on: dependsOn({ on: 'db', condition: 'service_healthy' }),
      command: ['serve'],
      entrypoint: ['/init'],
      environment: dictionary({ A: '1', B: '2' }),
      ports: [{ target: 80, published: '8080' }],
      restart: 'always',
      networks: dictionary({ default: { aliases: ['www'] } }),
      volumes: [{ type: 'volume', source: 'data', target: '/data' }],
    }),
    service('db'),
    service('other'),
  ],
  { volumes: { data: {} } },
)

function runOnce(
  have: Observed,
  change: Partial<OneOffChange> = {},
  options: Partial<ReconcileOptions> = {},
  want: Project = shop,
): Plan {
  const name = toOneOffName(want.name, 'web', slug, '-')
  const changed = withOneOff(want, want.services['web']!, name, { ...plainChange, ...change })
  const oneOff = { service: 'web', slug, isAttached: true, isRemoved: false, hasAliases: false }
  const outcome = reconcile(changed, have, { ...defaultReconcileOptions, services: ['web'], oneOff, ...options })
  if (isQuestions(outcome)) throw new Error('asks')
  return outcome
}

function bodyOf(plan: Plan): ReturnType<typeof toCreateBody> {
  const op = plan.steps
    .map((step) => step.op)
    .find((entry) => entry.kind === 'create-container' && entry.draft.oneOff !== undefined)
  if (op?.kind !== 'create-container') throw new Error('no one-off container')
  return toCreateBody(op.draft, dictionary({}))
}

describe('run', () => {
  it('brings up what the service depends on, waits, and only then makes one more container', () => {
    expect(`\n${renderPlan(runOnce(emptyEngine()))}\n`).toMatchInlineSnapshot(`
      "
      [] → #1 Volume p_data: create-volume (missing)
      [] → #2 Network p_default: create-network (missing)
      [2] → #3 Container p-db-1: create-container as p-db-1 (missing)
      [3] → #4 Container p-db-1: start-container (missing)
      [4] → #5 Container p-db-1: wait-container until healthy (depended on)
      [1 2 5] → #6 Container p-web-run-0123456789ab: create-container as p-web-run-0123456789ab (one-off)
      [5 6] → #7 Container p-web-run-0123456789ab: start-container (one-off)
      "
    `)
  })

  it('leaves the containers of the service and of others alone', () => {
    const up = reconcile(shop, emptyEngine(), defaultReconcileOptions)
    if (isQuestions(up)) throw new Error('asks')
    const have = applyPlan(up, emptyEngine())
    const steps = runOnce(have, { command: ['sh'] }, { withoutDependencies: true }).steps
    expect(steps.map((step) => `${step.op.kind} ${step.resource}`)).toEqual([
      'create-container Container p-web-run-0123456789ab',
      'start-container Container p-web-run-0123456789ab',
    ])
    expect(steps.every((step) => step.words.working === '' && step.words.done === '')).toBe(true)
  })

  it('marks the container as one of its own kind', () => {
    const body = bodyOf(runOnce(emptyEngine()))
    expect(body.Labels).toMatchObject({
      'com.docker.compose.oneoff': 'True',
      'com.docker.compose.slug': slug,
      'com.docker.compose.service': 'web',
    })
    expect(body.Labels).not.toHaveProperty('com.docker.compose.container-number')
    expect(body).toMatchObject({ AttachStdin: true, OpenStdin: true, StdinOnce: true })
    expect(body.HostConfig.PortBindings).toEqual({})
    expect(body.HostConfig.RestartPolicy).toBeUndefined()
    expect(body.HostConfig.AutoRemove).toBeUndefined()
    const endpoints = Object.values(body.NetworkingConfig?.EndpointsConfig ?? {})
    expect(endpoints.map((endpoint) => endpoint.Aliases)).toEqual([['p-web-run-0123456789ab']])
  })

  it('lays what the line says over what the file says', () => {
    const plan = runOnce(
      emptyEngine(),
      {
        command: ['echo', 'hi'],
        isTty: true,
        ports: 'service',
        volumes: [
          { type: 'bind', source: '/tmp', target: '/data' },
          { type: 'volume', target: '/more' },
        ],
        environment: dictionary({ B: 'line' }),
        labels: dictionary({ x: 'y' }),
        capAdd: ['SYS_TIME'],
        user: '7',
        workingDir: '/w',
      },
      { oneOff: { service: 'web', slug, isAttached: false, isRemoved: true, hasAliases: true } },
    )
    const body = bodyOf(plan)
    expect(body).toMatchObject({ Cmd: ['echo', 'hi'], Entrypoint: ['/init'], Tty: true, User: '7', WorkingDir: '/w' })
    expect(body.Env).toEqual(['A=1', 'B=line'])
    expect(body.Labels['x']).toBe('y')
    expect(body.HostConfig).toMatchObject({ AutoRemove: true, CapAdd: ['CAP_SYS_TIME'] })
    expect(body.HostConfig.PortBindings).toHaveProperty(['80/tcp'])
    expect(JSON.stringify(body.HostConfig.Mounts ?? []) + String(body.HostConfig.Binds)).not.toContain('data:/data')
    expect(body.AttachStdin).toBeUndefined()
    const endpoints = Object.values(body.NetworkingConfig?.EndpointsConfig ?? {})
    expect(endpoints[0]?.Aliases).toEqual(['p-web-run-0123456789ab', 'web', 'www'])
  })

  it('an entrypoint of its own takes the command of the file away', () => {
    expect(bodyOf(runOnce(emptyEngine(), { entrypoint: ['sh'] }))).toMatchObject({ Entrypoint: ['sh'], Cmd: [] })
    expect(bodyOf(runOnce(emptyEngine(), { entrypoint: ['sh'], command: ['-c', 'x'] }))).toMatchObject({
      Cmd: ['-c', 'x'],
    })
  })

  it('warns of one-off containers that have ended', () => {
    const first = applyPlan(runOnce(emptyEngine(), {}, { start: false }), emptyEngine())
    const ended = {
      ...first,
      containers: first.containers.map((entry) => ({ ...entry, state: 'exited' as const, isOneOff: true })),
    }
    expect(runOnce(ended, {}, { withoutDependencies: true }).warnings.join()).toContain('Found orphan containers')
  })
})
