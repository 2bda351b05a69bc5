import { describe, expect, it } from 'vitest'
import { NodeBudget } from './budget.ts'
import { mergeTrees } from './merge.ts'
import { parseYaml } from './parse.ts'
import { Places } from './place.ts'
import type { Tree, TreeMap } from './tree.ts'
import { enforceUnique } from './unique.ts'

/** Every field whose lists and maps are merged by a rule of their own, in each of its forms. The results are those of docker-compose 2.40. */

/** The value at a path of two files that have nothing else, merged and made unique. */
function merge(path: string, base: string, over: string): unknown {
  const places = new Places()
  const keys = path.split('.')
  const read = (value: string): TreeMap => {
    const text = keys.reduceRight((held, key) => `{${key}: ${held}}`, value)
    const [document] = parseYaml(text, { path: '/c.yml', places, budget: new NodeBudget(10_000), maxDepth: 100 })
    return document?.tree as TreeMap
  }
  const merged = mergeTrees(read(base), read(over), places)
  enforceUnique(merged, places)
  const found = keys.reduce<Tree | undefined>((tree, key) => (tree as TreeMap)[key], merged)
  return JSON.parse(JSON.stringify(found))
}

const pairs = [
  'services.a.annotations',
  'services.a.build.additional_contexts',
  'services.a.build.args',
  'services.a.build.labels',
  'services.a.deploy.labels',
  'services.a.environment',
  'services.a.labels',
  'services.a.sysctls',
  'networks.n.labels',
  'volumes.v.labels',
]

const hosts = ['services.a.extra_hosts', 'services.a.build.extra_hosts']

/** A text is a list of one. */
const texts = ['dns', 'dns_opt', 'dns_search', 'env_file', 'tmpfs'].map((field) => `services.a.${field}`)

const names = [
  'services.a.build.tags',
  'services.a.cap_add',
  'services.a.cap_drop',
  'services.a.expose',
  'services.a.links',
  'services.a.networks.n.aliases',
  'services.a.networks.n.link_local_ips',
  'services.a.ports',
  'services.a.profiles',
]

const appended = [
  'services.a.blkio_config.device_read_bps',
  'services.a.build.cache_from',
  'services.a.build.cache_to',
  'services.a.build.entitlements',
  'services.a.build.platforms',
  'services.a.build.secrets',
  'services.a.build.ssh',
  'services.a.deploy.placement.constraints',
  'services.a.deploy.placement.preferences',
  'services.a.deploy.resources.reservations.devices',
  'services.a.develop.watch',
  'services.a.device_cgroup_rules',
  'services.a.external_links',
  'services.a.gpus',
  'services.a.group_add',
  'services.a.post_start',
  'services.a.pre_start',
  'services.a.pre_stop',
  'services.a.security_opt',
  'services.a.volumes_from',
]

const replaced = ['services.a.command', 'services.a.entrypoint', 'services.a.healthcheck.test']

const named = ['services.a.networks', 'services.a.models']

describe('merged by a rule of its own', () => {
  it.each(pairs)('%s is pairs, the later of a key in place of the earlier', (path) => {
    expect(merge(path, '{K: 1, B: two}', '[B=3, C=5]')).toEqual(['B=3', 'K=1', 'C=5'])
    expect(merge(path, '[K=1, B=two]', '{C: 5, B: 3}')).toEqual(['K=1', 'B=3', 'C=5'])
    expect(merge(path, '[K=1, K=2]', '[B]')).toEqual(['K=2', 'B'])
  })

  it.each(hosts)('%s keeps several addresses of a host, each once', (path) => {
    expect(merge(path, '{h: 1.1.1.1}', '["h=1.1.1.1", "h=2.2.2.2"]')).toEqual(['h=1.1.1.1', 'h=2.2.2.2'])
    expect(merge(path, '["h=1.1.1.1"]', '{h: [1.1.1.1, 2.2.2.2]}')).toEqual(['h=1.1.1.1', 'h=2.2.2.2'])
  })

  it.each(texts)('%s is a list, also where it is written as a text', (path) => {
    expect(merge(path, 'x', '[y, x]')).toEqual(['x', 'y'])
    expect(merge(path, '[x, y]', 'z')).toEqual(['x', 'y', 'z'])
  })

  it('services.a.label_file is a list in which a file may stand twice', () => {
    expect(merge('services.a.label_file', 'x', '[y, x]')).toEqual(['x', 'y', 'x'])
  })

  it.each(names)('%s has each entry once', (path) => {
    expect(merge(path, '["1", "2"]', '["2", "3"]')).toEqual(['1', '2', '3'])
  })

  it.each(appended)('%s is appended, whatever is there', (path) => {
    expect(merge(path, '[x]', '[x, y]')).toEqual(['x', 'x', 'y'])
  })

  it.each(replaced)('%s is replaced', (path) => {
    expect(merge(path, '[x]', '[y]')).toEqual(['y'])
    expect(merge(path, '[x]', 'y')).toBe('y')
  })

  it.each(named)('%s is a map of what is named', (path) => {
    expect(merge(path, '[x]', '{y: {k: 1}}')).toEqual({ x: null, y: { k: 1 } })
    expect(merge(path, '{x: {k: 1}}', '[x, y]')).toEqual({ x: { k: 1 }, y: null })
  })
})
