import { describe, expect, it } from 'vitest'
import { collectEntries, orderContainers } from '../container-order.ts'
import { makeContainer, makeNode } from '../../testing/cluster-builders.ts'
import type { ContainerState, ContainerView, NetworkView } from '../model.ts'
import { noRegex } from '../regex.ts'
import { containerFilterKeys } from './container-filter.ts'
import { selectContainers } from './list-containers.ts'
import { compileNames, parseListFilters } from './list-filter.ts'
import { imageFilterKeys, listImages } from './list-images.ts'
import { listNetworks, networkFilterKeys } from './merge.ts'

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
const mesh: NetworkView = {
  id: '',
  name: '',
  driver: 'bridge',
  scope: 'local',
  labels: new Map(),
  createdAtMs: 0,
  row: {},
}
const cluster = {
  revision: 1,
  nodes: [makeNode('a', { containers: [makeContainer('web', { published })], images: [image] })],
  pending: [],
}

function names(filters: Readonly<Record<string, readonly string[]>>): readonly (string | undefined)[] {
  const parsed = parseListFilters(JSON.stringify(filters), containerFilterKeys)
  const query = { isAll: true, limit: 0, before: '', since: '', filters: parsed }
  return collectEntries(
    selectContainers(orderContainers(cluster.nodes), query, () => undefined, compileNames(query.filters, noRegex)),
  ).map((each) => each.container.names[0])
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

  it('shows what has ended for the parameters before and since of old clients, not for the filters', () => {
    const nodes = [1, 2, 3, 4].map((at) =>
      makeContainer(`c${at}`, { createdAtMs: at, state: at === 2 ? 'exited' : 'running' }),
    )
    const list = (bounds: { readonly before: string; readonly since: string }, filters: string): string => {
      const query = { isAll: false, limit: 0, ...bounds, filters: parseListFilters(filters, containerFilterKeys) }
      const all = orderContainers([makeNode('a', { containers: nodes })])
      const chosen = selectContainers(
        all,
        query,
        (name) => nodes.find((each) => each.names[0] === name),
        compileNames(query.filters, noRegex),
      )
      return collectEntries(chosen)
        .map((each) => each.container.names[0])
        .join(' ')
    }
    const none = { before: '', since: '' }
    expect(list(none, '{"since":["c1"]}')).toBe('c4 c3')
    expect(list(none, '{"before":["c4"]}')).toBe('c3 c1')
    expect(list({ ...none, since: 'c1' }, '')).toBe('c4 c3 c2')
    expect(list({ ...none, before: 'c4' }, '')).toBe('c3 c2 c1')
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

describe('the network list', () => {
  it('takes a network for dangling that nothing runs on', () => {
    const network = (id: string): NetworkView => ({ ...mesh, id, name: id, row: { Name: id } })
    const on = (name: string, networkId: string, state: ContainerState): ContainerView =>
      makeContainer(name, { state, endpoints: [{ network: networkId, networkId, ipAddress: '', aliases: [] }] })
    const containers = [on('one', 'used', 'running'), on('two', 'held', 'paused'), on('three', 'left', 'exited')]
    const networks = ['used', 'held', 'left', 'empty'].map(network)
    const snapshot = { ...cluster, nodes: [makeNode('a', { containers, networks })] }
    const list = (filters: string): readonly unknown[] =>
      listNetworks(snapshot, parseListFilters(filters, networkFilterKeys), undefined).map((row) => row['Name'])
    expect(list('{"dangling":["true"]}')).toEqual(['empty', 'left'])
    expect(list('{"dangling":["false"]}')).toEqual(['held', 'used'])
  })

  it('refuses a type that does not exist', () => {
    const filters = parseListFilters('{"type":["custom","bogus"]}', networkFilterKeys)
    expect(() => listNetworks(cluster, filters, undefined)).toThrow("invalid filter 'type=bogus'")
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
