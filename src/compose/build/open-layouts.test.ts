import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OciLayout } from '../../engine/buildkit/oci-layout.ts'
import { project as makeProject, service as makeService } from '../../testing/compose-builders.ts'
import type { Service } from '../model/service.ts'
import { plainWishes, toImageBuild } from './definition.ts'
import type { ImageBuild } from './definition.ts'
import { toSolve } from './frontend.ts'
import { nameCaches, openLayouts } from './open-layouts.ts'

const facts = { apiVersion: '1.51', hasContainerdStore: true }
const descriptor = (letter: string) => ({ mediaType: 'm', digest: `sha256:${letter.repeat(64)}`, size: 1 })

describe('folders of images and caches that a build names', () => {
  let folder = ''

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'layouts-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  function buildOf(build: NonNullable<Service['build']>): ImageBuild {
    const whole = makeProject([makeService('web', { build: { context: '/src', dockerfile: 'Dockerfile', ...build } })])
    return toImageBuild(whole, whole.services['web']!, plainWishes)
  }

  it('gives the builder the image of a name, of a digest, or the only one', async () => {
    const layout = new OciLayout(join(folder, 'base'), true)
    await layout.name('v1', descriptor('a'))
    const build = buildOf({
      additional_contexts: {
        named: `oci-layout://${folder}/base:v1`,
        only: `oci-layout://${folder}/base`,
        fixed: `oci-layout://${folder}/base:v1@${descriptor('b').digest}`,
      },
    })
    const layouts = await openLayouts(build)
    expect([...layouts.stores.values()].map((store) => [store.folder, store.isWritable])).toEqual(
      Array.from({ length: 3 }, () => [join(folder, 'base'), false]),
    )
    const { attributes } = toSolve(build, facts, layouts).request
    const ids = [...layouts.stores.keys()].map((key) => key.replace(/^oci:/, ''))
    expect(attributes['context:fixed']).toBe(`oci-layout://${ids[0]}@${descriptor('b').digest}`)
    expect(attributes['context:named']).toBe(`oci-layout://${ids[1]}@${descriptor('a').digest}`)
    expect(attributes['context:only']).toBe(`oci-layout://${ids[2]}@${descriptor('a').digest}`)
  })

  it('says which context has no such image', async () => {
    await new OciLayout(join(folder, 'base'), true).name('v1', descriptor('a'))
    const open = (context: string) => openLayouts(buildOf({ additional_contexts: { base: context } }))
    await expect(open(`oci-layout://${folder}/base:v2`)).rejects.toThrow(
      `additional_contexts.base of service "web": ${folder}/base has no image "v2"`,
    )
    await expect(open(`oci-layout://${folder}/gone`)).rejects.toThrow(
      `additional_contexts.base of service "web": cannot use the folder ${folder}/gone`,
    )
  })

  it('takes caches that are there, and goes without the others', async () => {
    const cache = join(folder, 'cache')
    await new OciLayout(cache, true).name('latest', descriptor('c'))
    const build = buildOf({
      cache_from: [
        `type=local,src=${cache}`,
        `type=local,src=${cache},tag=other`,
        `type=local,src=${folder}/gone`,
        `type=local,src=${cache},digest=${descriptor('d').digest}`,
        'type=inline',
        'r/i:c',
      ],
      cache_to: [`type=local,dest=${cache},mode=max`],
    })
    const layouts = await openLayouts(build)
    expect(layouts.missing).toEqual([`${cache}:other`, `${folder}/gone`])
    expect(layouts.stores.get(`local:${cache}`)?.isWritable).toBe(true)
    expect(layouts.stores.get(`local:${folder}/gone`)?.isWritable).toBe(false)
    const { request } = toSolve(build, facts, layouts)
    expect(request.cacheImports).toEqual([
      { type: 'local', attributes: { src: cache, digest: descriptor('c').digest } },
      { type: 'local', attributes: { src: cache, digest: descriptor('d').digest } },
      { type: 'registry', attributes: { ref: 'r/i:c' } },
    ])
    expect(JSON.parse(request.attributes['cache-imports'] ?? '')).toHaveLength(3)
    expect(request.cacheExports).toEqual([{ type: 'local', attributes: { dest: cache, mode: 'max' } }])
  })

  it('names the cache that a build has written', async () => {
    const build = buildOf({ cache_to: [`type=local,dest=${folder}/a`, `type=local,dest=${folder}/b,tag=main`] })
    const layouts = await openLayouts(build)
    await nameCaches(build, layouts, new Map())
    expect(layouts.stores.size).toBe(2)
    await nameCaches(build, layouts, new Map([['cache.manifest', JSON.stringify({ ...descriptor('e'), more: 1 })]]))
    expect(await new OciLayout(join(folder, 'a')).find('latest')).toMatchObject(descriptor('e'))
    expect(await new OciLayout(join(folder, 'b')).find('main')).toMatchObject(descriptor('e'))
    await expect(nameCaches(build, layouts, new Map([['cache.manifest', '{']]))).rejects.toThrow(
      'the builder calls its cache',
    )
  })

  it('does not take a file for a cache', async () => {
    writeFileSync(join(folder, 'index.json'), 'no index')
    const build = buildOf({ cache_from: [`type=local,src=${folder}`] })
    await expect(openLayouts(build)).rejects.toThrow('is no index of an OCI layout')
  })
})
