import { describe, expect, it } from 'vitest'
import { dictionary, dependsOn, emptyEngine, project, service } from '../../testing/compose-builders.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { defaultImageOptions, planAllBuilds, planBuilds, planPulls, planPushes } from './image-plan.ts'
import type { ImageOptions } from './image-plan.ts'
import type { Observed } from './observed.ts'
import { renderPlan } from './plan.ts'
import { planPullCommand } from './pull-command.ts'
import { isPlatform, refreshMs } from './pull-policy.ts'
import { selectServices } from './selection.ts'

function built(name: string, extra: Partial<Service> = {}): Service {
  const whole = service(name, { build: { context: `/${name}`, dockerfile: 'Dockerfile' }, ...extra })
  const isNamed = extra.image !== undefined
  return Object.fromEntries(Object.entries(whole).filter(([key]) => isNamed || key !== 'image')) as unknown as Service
}

function plans(
  want: Project,
  observed: Observed,
  o: Partial<ImageOptions> = {},
  services: readonly string[] = [],
): string {
  const options = { ...defaultImageOptions, ...o }
  const selection = selectServices(want, services)
  const parts = [planPulls(want, observed, selection, options), planBuilds(want, observed, selection, options)]
  return parts.map(renderPlan).join('\n').trim()
}

const none = emptyEngine([])

describe('images before a project is brought up', () => {
  it('are pulled once, or built where there is nothing to pull', () => {
    const want = project([service('a'), service('b'), built('c')])
    expect(plans(want, none)).toBe('[] → #1 a: pull-image busybox (missing)\n[] → #1 c: build-image as p-c (missing)')
    expect(plans(want, emptyEngine(['busybox', 'p-c']))).toBe('')
  })

  it('are built only when pulling a name failed', () => {
    const want = project([built('c', { image: 'r/c' })])
    const pull = planPulls(want, none, selectServices(want, []), defaultImageOptions)
    expect(pull.steps.map((step) => step.bestEffort)).toEqual([true])
    expect(plans(want, none, { pull: 'build' })).toBe('[] → #1 c: build-image as r/c (missing)')
    expect(plans(want, emptyEngine(['r/c']), { pull: 'build' })).toBe('[] → #1 c: build-image as r/c (policy is build)')
  })

  it('that another service builds need not be there to be pulled', () => {
    const worker = service('a', { image: 'app' })
    const want = project([worker, built('z', { image: 'app' })])
    const pull = planPulls(want, none, selectServices(want, []), defaultImageOptions)
    expect(pull.steps.map(({ resource, bestEffort }) => [resource, bestEffort])).toEqual([['a', true]])
    expect(plans(want, none)).toBe('[] → #1 a: pull-image app (missing)\n[] → #1 z: build-image as app (missing)')
    expect(plans(want, none, { pull: 'build' })).toBe('[] → #1 z: build-image as app (missing)')
    const always = built('z', { image: 'app', pull_policy: 'build' })
    expect(plans(project([worker, always]), none)).toBe('[] → #1 z: build-image as app (missing)')
    expect(plans(project([{ ...worker, pull_policy: 'never' }, always]), none)).toContain('z: build-image as app')
    expect(plans(project([service('a', { image: 'p-z' }), built('z')]), none)).toBe(
      '[] → #1 z: build-image as p-z (missing)',
    )
    // Only what is brought up is built.
    const alone = planPulls(want, none, selectServices(want, ['a']), defaultImageOptions)
    expect(alone.steps.map((step) => step.bestEffort)).toEqual([undefined])
  })

  it('that are built need not be had from elsewhere as long as they are there, with --no-build too', () => {
    const want = project([service('a', { image: 'app' }), built('z', { image: 'app' })])
    const options = { ...defaultImageOptions, pull: 'always', mayBuild: false } as const
    const pull = planPulls(want, emptyEngine(['app']), selectServices(want, []), options)
    expect(pull.steps.map((step) => step.bestEffort)).toEqual([true])
    expect(plans(want, emptyEngine(['app']), options)).toBe('[] → #1 a: pull-image app (policy is always)')
    expect(() => plans(want, none, options)).toThrow('No such image: app:latest')
  })

  it('that are mounted may be built as well', () => {
    const volumes = [{ type: 'image', source: 'assets', target: '/assets' } as const]
    const assets = built('z', { image: 'assets', pull_policy: 'build' })
    expect(plans(project([service('a', { volumes }), assets]), emptyEngine(['busybox']))).toBe(
      '[] → #1 z: build-image as assets (missing)',
    )
  })

  it('that one service must not pull may be pulled for another', () => {
    const want = project([service('a', { pull_policy: 'never' }), service('b')])
    expect(plans(want, none)).toBe('[] → #1 b: pull-image busybox (missing)')
  })

  it('follow the policy of each service, over which the flag goes', () => {
    const images = emptyEngine(['busybox', 'p-c', 'x'])
    const want = project([built('c', { pull_policy: 'build' }), service('x', { image: 'x', pull_policy: 'always' })])
    expect(plans(want, images)).toBe(
      '[] → #1 x: pull-image x (policy is always)\n[] → #1 c: build-image as p-c (policy is build)',
    )
    expect(plans(want, images, { pull: 'missing' })).toBe('')
    expect(() => plans(project([service('x', { pull_policy: 'never' })]), none)).toThrow(
      'No such image: busybox:latest',
    )
    expect(() => plans(want, none, { mayBuild: false })).toThrow('No such image: p-c:latest')
  })

  it('are looked for anew when they are old, and replaced when they are for another platform', () => {
    const hour = 3_600_000
    const image = { id: 'i', ids: ['i'], digests: [], taggedAtMs: 0, platform: 'linux/arm64/v8' }
    const observed = { ...none, images: { busybox: image } }
    const aged = (policy: string, nowMs: number) =>
      plans(project([service('a', { pull_policy: policy })]), observed, { nowMs })
    expect(aged('daily', 23 * hour)).toBe('')
    expect(aged('daily', 25 * hour)).toContain('policy is daily')
    expect(aged('weekly', 25 * hour)).toBe('')
    expect(aged('every_2h', 3 * hour)).toContain('policy is every_2h')
    expect(aged('every_0s', 1)).toContain('policy is every_0s')
    expect(plans(project([service('a', { platform: 'linux/arm64' })]), observed)).toBe('')
    expect(plans(project([service('a', { platform: 'linux/amd64' })]), observed)).toContain(
      'not for platform linux/amd64',
    )
    expect(() => refreshMs(service('a'), 'every_x')).toThrow('pull_policy of service "a"')
  })

  it('are built after those they start from, equal ones once', () => {
    const base = built('base')
    const app = built('app', { build: { context: '/app', additional_contexts: { b: 'service:base' } } })
    const twin = { ...built('twin', { image: 'same' }), build: { context: '/x' } }
    const want = project([
      app,
      base,
      twin,
      { ...twin, name: 'twin2' },
      { ...twin, name: 'other', build: { context: '/y' } },
    ])
    const plan = planAllBuilds(want, Object.values(want.services), { ...defaultImageOptions.wishes, isToRun: false })
    expect(renderPlan(plan)).toBe(
      [
        '[] → #1 base: build-image as p-base (app is built from it)',
        '[1] → #2 app: build-image as p-app (asked for)',
        '[] → #3 twin: build-image as same (asked for)',
        '[3] → #4 other: build-image as same (asked for)',
      ].join('\n'),
    )
    const circle = project([
      built('a', { build: { context: '/a', additional_contexts: { x: 'service:b' } } }),
      built('b', { build: { context: '/b', additional_contexts: { x: 'service:a' } } }),
    ])
    expect(() => plans(circle, none)).toThrow('dependency cycle: a -> b -> a')
  })

  it('of services that are not asked for are left alone', () => {
    const want = project([built('a', { depends_on: dependsOn('b') }), built('b'), built('c')])
    expect(plans(want, none, {}, ['b'])).toBe('[] → #1 b: build-image as p-b (missing)')
  })
})

describe('the commands', () => {
  it('pull: each image once, and why others are not', () => {
    const services = [
      service('a'),
      service('b'),
      built('c'),
      built('d', { image: 'r/d' }),
      service('e', { image: 'e:1', pull_policy: 'missing' }),
    ]
    const options = { isIgnoringBuildable: true, isIgnoringFailures: false }
    const { plan, skipped } = planPullCommand(services, dictionary({}), emptyEngine(['e:1']).images, options)
    expect(renderPlan(plan)).toBe('[] → #1 a: pull-image busybox (asked for)')
    expect(skipped).toEqual([
      { service: 'b', why: 'Image is already being pulled by a' },
      { service: 'c', why: 'No image to be pulled' },
      { service: 'd', why: 'Image can be built' },
      { service: 'e', why: 'Image is already present locally' },
    ])
  })

  it.each([
    ['e', false],
    ['r:5000/e:latest', false],
    ['r:5000/e', false],
    ['e:1', true],
    ['e@sha256:1', true],
    ['e:latest@sha256:1', true],
  ])('pull --policy missing of %s that is there leaves it alone: %s', (reference, isLeft) => {
    const options = { policy: 'missing', isIgnoringBuildable: false, isIgnoringFailures: false }
    const { skipped } = planPullCommand(
      [service('e', { image: reference })],
      dictionary({}),
      emptyEngine([reference]).images,
      options,
    )
    expect(skipped.length).toBe(isLeft ? 1 : 0)
  })

  it('push: what was built and has a name', () => {
    const tagged = built('b', { image: 'r/b', build: { context: '/b', tags: ['r/b:2'] } })
    const plan = planPushes([service('a'), tagged, built('c'), tagged], true)
    expect(renderPlan(plan)).toBe(
      '[] → #1 r/b: push-image r/b (asked for)\n[] → #2 r/b:2: push-image r/b:2 (asked for)',
    )
    expect(plan.steps.every((step) => step.bestEffort === true)).toBe(true)
  })
})

describe('platforms', () => {
  it.each([
    ['linux/amd64', 'linux/amd64', true],
    ['linux/amd64', 'amd64', true],
    ['linux/amd64', 'linux/x86_64', true],
    ['linux/amd64', 'linux', true],
    ['linux/arm64', 'Linux', true],
    ['windows/amd64', 'linux', false],
    ['linux/arm64/v8', 'linux/arm64', true],
    ['linux/arm64', 'linux/aarch64', true],
    ['linux/arm/v6', 'linux/arm/v7', false],
    ['linux/arm64', 'linux/amd64', false],
    ['windows/amd64', 'linux/amd64', false],
  ])('%s for %s: %s', (has, wants, is) => {
    expect(isPlatform(has, wants)).toBe(is)
  })
})
