import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEngine } from '../engine/client.ts'
import type { Engine } from '../engine/engine.ts'
import { systemClock } from '../io/clock.ts'
import { startFakeEngine } from '../testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../testing/fake-engine/fake-engine.ts'
import { toFamiliarReference } from './translate/image-name.ts'
import { observe, observeContainers } from './observe.ts'
import { LABEL } from './plan/label.ts'

describe('observe', () => {
  let fake: FakeEngine
  let engine: Engine

  beforeAll(async () => {
    fake = await startFakeEngine({ images: ['busybox:latest', 'shop/web:1'] })
    engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
    const add = (name: string, labels: Readonly<Record<string, string>>): string =>
      fake.addContainer({ Image: 'busybox:latest', Labels: labels }, { name, state: 'running' })
    const own = { [LABEL.project]: 'p', [LABEL.configHash]: 'h' }
    add('p-web-2', { ...own, [LABEL.service]: 'web', [LABEL.number]: '2' })
    add('p-web-10', { ...own, [LABEL.service]: 'web', [LABEL.number]: '10' })
    add('p-db-1', { ...own, [LABEL.service]: 'db', [LABEL.number]: '1' })
    add('p-web-run-1', { ...own, [LABEL.service]: 'web', [LABEL.oneOff]: 'True' })
    add('no-hash', { [LABEL.project]: 'p', [LABEL.service]: 'web' })
    add('q-web-1', { ...own, [LABEL.project]: 'q', [LABEL.service]: 'web', [LABEL.number]: '1' })
  })

  afterAll(async () => {
    await engine.close()
    await fake.stop()
  })

  it('takes the containers with project and hash labels, by service and number', async () => {
    const containers = await observeContainers(engine, 'p')
    expect(containers.map(({ name, number, isOneOff }) => [name, number, isOneOff])).toEqual([
      ['p-db-1', 1, false],
      ['p-web-run-1', 0, true],
      ['p-web-2', 2, false],
      ['p-web-10', 10, false],
    ])
    expect((await observeContainers(engine, undefined)).map((entry) => entry.labels[LABEL.project])).toContain('q')
  })

  it('a label that is no number, or one without a next one, counts as none', async () => {
    const own = { [LABEL.project]: 'odd', [LABEL.configHash]: 'h', [LABEL.service]: 'web' }
    const odd = ['x', '', '-5', '1.5', '1e9', '7 of 9', '99999999999999999999', ' 3']
    for (const [index, number] of odd.entries()) {
      fake.addContainer(
        { Image: 'busybox:latest', Labels: { ...own, [LABEL.number]: number } },
        { name: `odd-${index}` },
      )
    }
    for (const name of ['odd-web-4', 'odd_web_5', 'odd-web-x', 'odd-web2-6']) {
      fake.addContainer({ Image: 'busybox:latest', Labels: { ...own, [LABEL.number]: 'x' } }, { name })
    }
    const containers = await observeContainers(engine, 'odd')
    const numbered = containers.filter(({ number }) => number > 0)
    // Its name is taken: no other one can have the number.
    expect(numbered.map(({ name, number }) => [name, number])).toEqual([
      ['odd-web-4', 4],
      ['odd_web_5', 5],
    ])
    expect(containers).toHaveLength(odd.length + 4)
  })

  it('finds images by the references the project uses, and leaves missing ones out', async () => {
    const imageReferences = ['busybox', 'docker.io/library/busybox:latest', 'shop/web:1', 'shop/web', 'gone']
    const { images } = await observe(engine, { project: 'p', imageReferences })
    expect(Object.keys(images)).toEqual(['busybox', 'docker.io/library/busybox:latest', 'shop/web:1'])
    const byId = await observe(engine, { project: 'p', imageReferences: [images['shop/web:1']?.id ?? ''] })
    expect(Object.keys(byId.images)).toHaveLength(1)
  })

  it('takes networks by label, and by name where the project uses them', async () => {
    expect((await observe(engine, { project: 'p' })).networks).toEqual([])
    const { networks } = await observe(engine, { project: 'p', networkNames: ['bridge', 'gone'] })
    expect(networks.map((network) => network.name)).toEqual(['bridge'])
  })

  it('is frozen all through', async () => {
    const observed = await observe(engine, { project: 'p', imageReferences: ['busybox'] })
    expect(Object.isFrozen(observed)).toBe(true)
    expect(Object.isFrozen(observed.containers[0]?.labels)).toBe(true)
    expect(Object.isFrozen(observed.images['busybox']?.ids)).toBe(true)
  })
})

describe('the familiar form of a reference', () => {
  it.each([
    ['busybox', 'busybox:latest'],
    ['docker.io/busybox', 'busybox:latest'],
    ['index.docker.io/library/busybox:1', 'busybox:1'],
    ['localhost:5000/a/b', 'localhost:5000/a/b:latest'],
    ['a/b@sha256:0', 'a/b@sha256:0'],
    ['a/b:1@sha256:0', 'a/b@sha256:0'],
    ['sha256:0123', 'sha256:0123'],
  ])('%s is %s', (reference, expected) => {
    expect(toFamiliarReference(reference)).toBe(expected)
  })
})
