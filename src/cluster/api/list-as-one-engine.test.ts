import { describe, expect, it } from 'vitest'
import { collectEntries, orderContainers } from '../container-order.ts'
import { makeContainer, makeNode } from '../../testing/cluster-builders.ts'
import { noRegex } from '../regex.ts'
import { containerFilterKeys, selectContainers } from './list-containers.ts'
import { parseListFilters } from './list-filter.ts'
import { imageFilterKeys, listImages } from './list-images.ts'

/** Answers to filters that one engine (28.5) gives and the ancestor did not. */

const published = [{ ip: '', privatePort: 80, publicPort: 8080, protocol: 'tcp' }]
const image = {
  id: 'i1',
  repoTags: ['tool:1', 'web:1', 'web:latest'],
  repoDigests: ['web@sha256:1'],
  createdAtMs: 0,
  labels: new Map<string, string>(),
  row: { Id: 'i1' },
}
const cluster = {
  revision: 1,
  nodes: [makeNode('a', { containers: [makeContainer('web', { published })], images: [image] })],
  pending: [],
}

function names(filters: Readonly<Record<string, readonly string[]>>): readonly (string | undefined)[] {
  const parsed = parseListFilters(JSON.stringify(filters), containerFilterKeys)
  const query = { isAll: true, limit: 0, before: '', since: '', filters: parsed }
  return collectEntries(selectContainers(orderContainers(cluster.nodes), query, () => undefined, noRegex)).map(
    (each) => each.container.names[0],
  )
}

describe('the container list', () => {
  it('finds containers by published and exposed ports', () => {
    expect(names({ publish: ['8080'] })).toEqual(['web'])
    expect(names({ publish: ['80'] })).toEqual([])
    expect(names({ expose: ['80'] })).toEqual(['web'])
  })

  it('knows no isolation but the default', () => {
    expect(names({ isolation: ['default'] })).toEqual(['web'])
    expect(names({ isolation: ['hyperv'] })).toEqual([])
  })

  it('refuses a state that does not exist', () => {
    expect(() => names({ status: ['running', 'bogus'] })).toThrow(
      "invalid filter 'status=bogus': invalid value for state (bogus): must be one of created, running, paused, restarting, removing, exited, dead",
    )
  })

  it('refuses a health that does not exist, and an exit code that is no number', () => {
    expect(() => names({ health: ['bogus'] })).toThrow(
      "invalid filter 'health=bogus': invalid value for health (bogus): must be one of none, starting, healthy, unhealthy",
    )
    expect(() => names({ exited: ['0', 'x'] })).toThrow("invalid filter 'exited=x': must be a whole number")
  })
})

describe('the filters parameter', () => {
  it('may be null, as a whole or for one key', () => {
    expect(parseListFilters('null', ['name'])).toEqual(new Map())
    expect(parseListFilters('{"name":null}', ['name'])).toEqual(new Map([['name', []]]))
  })

  it('counts every value that is named, whatever is said of it', () => {
    expect(parseListFilters('{"name":{"a":false}}', ['name'])).toEqual(new Map([['name', ['a']]]))
    expect(() => parseListFilters('{"name":{"a":1}}', ['name'])).toThrow("invalid filter 'name'")
  })
})

describe('the image list', () => {
  it('shows only the names that fit a reference', () => {
    const filters = parseListFilters('{"reference":["web:1","t*"]}', imageFilterKeys)
    expect(listImages(cluster, { isAll: false, filters, nowMs: 0 })).toMatchObject([
      { Id: 'i1', RepoTags: ['tool:1', 'web:1'], RepoDigests: [] },
    ])
  })
})
