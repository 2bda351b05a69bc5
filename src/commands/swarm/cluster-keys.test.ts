import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { checkClusterKeys, clusterKeys } from './cluster-keys.ts'

it('knows every key that the readers of cluster options look for', () => {
  const readers = ['manage-options', 'span-options', 'audit-options']
  const looked = readers.flatMap((name) => {
    const text = readFileSync(new URL(`./${name}.ts`, import.meta.url), 'utf8')
    return text.match(/(?<=')swarm\.[a-z.]+(?=')/g) ?? []
  })
  expect([...new Set(looked)].sort()).toEqual(clusterKeys)
})

it.each([
  'swarm.overcommit=0.1',
  'swarm.limit.call=5s',
  'swarm.access=a=b',
  'mesos.user=root',
  'mesos.offertimeout',
  '',
])('%s is let pass', (value) => {
  expect(() => checkClusterKeys([value])).not.toThrow()
})

it.each([
  ['swarm.acces=rules.yaml', 'there is no cluster option swarm.acces', 'did you mean swarm.access?'],
  ['swarm.audit.requird=true', 'there is no cluster option swarm.audit.requird', 'did you mean swarm.audit.required?'],
  ['swarm.qqqqqqqqqqqqqqqq=x', 'there is no cluster option swarm.qqqqqqqqqqqqqqqq', 'docs/swarm.md lists them'],
])('%s is refused', (value, message, hint) => {
  expect(() => checkClusterKeys(['swarm.wait=1s', value])).toThrow(expect.objectContaining({ message, hint }))
})
