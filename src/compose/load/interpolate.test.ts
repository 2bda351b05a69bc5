import { describe, expect, it } from 'vitest'
import { interpolate } from './interpolate.ts'
import { Places } from './place.ts'
import { makeMap } from './tree.ts'
import type { Tree, TreeMap } from './tree.ts'

/** What a text with a variable becomes, by the place it stands in. The places and words are those of docker-compose 2.40. */

/** The value at a path (`[]`: an entry of a list) where a file has `${V}`. */
function fill(path: string, value: string): unknown {
  const keys = path.split('.')
  const wrap = (held: Tree, key: string): Tree => (key === '[]' ? [held] : Object.assign(makeMap(), { [key]: held }))
  const tree = keys.reduceRight(wrap, '${V}') as TreeMap
  const variables = { lookUp: () => value, maxLength: 100, maxNesting: 4 }
  interpolate(tree, { variables, places: new Places(), warn() {} })
  return keys.reduce<unknown>((from, key) => Reflect.get(from as object, key === '[]' ? 0 : key), tree)
}

const whole64 = [
  'cpu_count',
  'cpu_period',
  'cpu_quota',
  'cpu_rt_period',
  'cpu_rt_runtime',
  'cpu_shares',
  'oom_score_adj',
  'pids_limit',
]

const whole = [
  'deploy.placement.max_replicas_per_node',
  'deploy.replicas',
  'deploy.restart_policy.max_attempts',
  'deploy.rollback_config.parallelism',
  'deploy.update_config.parallelism',
  'healthcheck.retries',
  'ports.[].target',
  'scale',
  'ulimits.nofile',
  'ulimits.nofile.hard',
  'ulimits.nofile.soft',
]

const fractions = [
  'cpu_percent',
  'cpus',
  'deploy.rollback_config.max_failure_ratio',
  'deploy.update_config.max_failure_ratio',
]

const booleans = [
  ...[
    'healthcheck.disable',
    'init',
    'oom_kill_disable',
    'privileged',
    'read_only',
    'stdin_open',
    'tty',
    'volumes.[].read_only',
    'volumes.[].volume.nocopy',
  ].map((field) => `services.a.${field}`),
  ...['attachable', 'enable_ipv4', 'enable_ipv6', 'external', 'internal'].map((field) => `networks.n.${field}`),
  'volumes.v.external',
  'secrets.s.external',
  'configs.c.external',
]

const texts = ['image', 'mem_limit', 'shm_size', 'environment.A', 'ports.[].published', 'deploy.resources.limits.cpus']

describe('a variable', () => {
  it.each([...whole64.map((field) => [field, 'ParseInt']), ...whole.map((field) => [field, 'Atoi'])])(
    'in %s is a whole number',
    (field, parser) => {
      expect([fill(`services.a.${field}`, '7'), fill(`services.a.${field}`, '-1')]).toEqual([7, -1])
      expect(() => fill(`services.a.${field}`, '1.5')).toThrow(
        `error while interpolating services.a.${field}: failed to cast to expected type: strconv.${parser}: parsing "1.5": invalid syntax`,
      )
    },
  )

  it.each(fractions)('in %s is a number', (field) => {
    expect(fill(`services.a.${field}`, '.5')).toBe(0.5)
    expect(() => fill(`services.a.${field}`, 'x')).toThrow('strconv.ParseFloat: parsing "x": invalid syntax')
  })

  it.each(booleans)('in %s is yes or no', (path) => {
    expect([fill(path, 'true'), fill(path, 'off')]).toEqual([true, false])
    expect(() => fill(path, 'maybe')).toThrow('failed to cast to expected type: invalid boolean: maybe')
  })

  it.each(texts)('in %s stays a text', (field) => {
    expect(fill(`services.a.${field}`, '7')).toBe('7')
  })
})
