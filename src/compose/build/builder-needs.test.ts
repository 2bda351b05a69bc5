import { execFileSync } from 'node:child_process'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { project, service } from '../../testing/compose-builders.ts'
import { openEngine } from '../../engine/client.ts'
import { systemClock } from '../../io/clock.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { planAllBuilds } from '../plan/image-plan.ts'
import { findNeeds, orderBuilds, readNeeds } from './builder-needs.ts'
import { plainWishes, toImageBuild } from './definition.ts'
import type { BuildWishes } from './definition.ts'
import type { Service } from '../model/service.ts'

describe('what a build needs of the engine that does it', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'needs-'))
    await writeFile(join(folder, 'Dockerfile'), '# syntax=own/syntax\nARG B=x\nFROM $B\nCOPY --from=tools:1 / /\n')
  })
  afterAll(() => rm(folder, { recursive: true }))

  function needs(build: Partial<NonNullable<Service['build']>>, wishes: Partial<BuildWishes> = {}): Promise<unknown> {
    const web = service('web', { build: { context: folder, ...build } })
    return readNeeds(toImageBuild(project([web]), web, { ...plainWishes, ...wishes }))
  }

  it('are the images of its Dockerfile, with its arguments', async () => {
    expect(await needs({ args: { B: 'base:2' } })).toEqual({ images: ['own/syntax', 'base:2', 'tools:1'] })
    expect(await needs({ dockerfile_inline: 'FROM inline:1\nFROM other AS no', target: 'no' })).toEqual({
      images: ['inline:1', 'other'],
    })
  })

  it('are not read out of a pipe, which may never end', async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const writer = await open(pipe, 'r+')
    try {
      await writer.write('FROM a\n')
      expect(await needs({ dockerfile: 'pipe' })).toEqual({ images: [] })
    } finally {
      await writer.close()
    }
  })

  it('are those that stand for other names, and an engine that knows such', async () => {
    const additional_contexts = { x: 'docker-image://real:1', 'tools:1': folder, odd: 'docker-image://a,b' }
    expect(await needs({ additional_contexts })).toEqual({ images: ['real:1', 'own/syntax'], apiVersion: '1.42' })
  })

  it('are not what is pulled, or what only the engine can read', async () => {
    expect(await needs({}, { isPulling: true })).toEqual({ images: [] })
    expect(await needs({ context: 'https://host/repo.git' })).toEqual({ images: [] })
  })

  it('puts builds in the order of their Dockerfiles, and one that is not there nowhere', async () => {
    const inline = (text: string): NonNullable<Service['build']> => ({ context: folder, dockerfile_inline: text })
    const app = service('app', { image: 'r/app', build: inline('ARG B=none\nFROM ${B}\n') })
    const services = [
      { ...app, build: { ...app.build, args: { B: 'r/base' } } },
      service('base', { image: 'r/base', build: inline('FROM alpine') }),
      service('lost', { image: 'r/lost', build: { context: folder, dockerfile: 'none' } }),
    ]
    const plan = await orderBuilds(planAllBuilds(project(services), services, { ...plainWishes, isPulling: true }))
    expect(plan.steps.map(({ resource, after }) => [resource, after])).toEqual([
      ['base', []],
      ['app', [1]],
      ['lost', []],
    ])
  })

  it.each([
    ['of an endpoint over many engines', { status: 200, body: '[{"Name":"n1"}]' }, ['base:1']],
    ['of nothing that an engine has to be told', { status: 404, body: '{"message":"page not found"}' }, []],
    ['of nothing where nodes are not shown', { status: 403, body: '{"message":"access denied"}' }, []],
  ])('are asked %s', async (_, reply, images) => {
    const fake = await startFakeEngine({})
    const engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
    try {
      fake.fail({ path: /^\/flotilla\/nodes$/, fault: { kind: 'reply', ...reply } })
      const web = service('web', { build: { context: folder, dockerfile_inline: 'FROM base:1' } })
      expect(await findNeeds(engine, toImageBuild(project([web]), web, plainWishes), {})).toEqual({ images })
    } finally {
      await engine.close()
      await fake.stop()
    }
  })
})
