import { describe, expect, it } from 'vitest'
import { project, service } from '../../testing/compose-builders.ts'
import type { Service } from '../model/service.ts'
import { plainWishes } from '../build/definition.ts'
import { orderByBases } from './base-order.ts'
import { planAllBuilds } from './image-plan.ts'
import { renderPlan } from './plan.ts'

function built(name: string, build: NonNullable<Service['build']> = {}, image = `r/${name}`): Service {
  return service(name, { image, build: { context: `/${name}`, ...build } })
}

/** Builds in their order, given what the Dockerfile of each service names. */
function order(services: readonly Service[], bases: Readonly<Record<string, readonly string[]>>): readonly string[] {
  const plan = planAllBuilds(project(services), services, plainWishes)
  const named = new Map(plan.steps.map(({ id, resource }) => [id, bases[resource] ?? []]))
  return renderPlan(orderByBases(plan, named))
    .split('\n')
    .map((line) => line.replace(/: build-image.*/, ''))
}

describe('builds of images that name each other', () => {
  it('come after those they are FROM, however the names are written', () => {
    const services = [built('app'), built('base', {}, 'base'), built('tool', { tags: ['r/tool:2'] }), built('web')]
    const bases = { app: ['docker.io/library/base:latest', 'alpine'], base: ['r/tool:2'], web: ['r/tool:3'] }
    expect(order(services, bases)).toEqual(['[] → #1 tool', '[1] → #2 base', '[2] → #3 app', '[] → #4 web'])
  })

  it('stay in their order where each names the other, or itself', () => {
    expect(order([built('a'), built('b')], { a: ['r/a', 'r/b'], b: ['r/a'] })).toEqual(['[] → #1 b', '[1] → #2 a'])
    const services = [built('a'), built('b', { additional_contexts: { x: 'service:a' } })]
    expect(order(services, { a: ['r/b'] })).toEqual(['[] → #1 a', '[1] → #2 b'])
  })

  it('come after all builds that give an image this name', () => {
    const services = [built('web'), built('one', {}, 'r/base'), built('two', {}, 'r/base')]
    expect(order(services, { web: ['r/base'] })).toEqual(['[] → #1 one', '[1] → #2 two', '[1 2] → #3 web'])
  })
})
