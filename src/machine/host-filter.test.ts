import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeHost } from '../../test/conformance/store.ts'
import { findSwarms, parseFilters, passesFilter } from './host-filter.ts'
import type { Host } from './host.ts'
import { compareNames } from './name-order.ts'

function host(name: string, labels: readonly string[], driverName = 'none'): Host {
  const base = makeHost(name, { driverName })
  return { ...base, options: { ...base.options, EngineOptions: { ...base.options.EngineOptions, Labels: labels } } }
}

function swarmHost(name: string, discovery: string, isMaster: boolean): Host {
  const base = makeHost(name)
  const swarm = { ...base.options.SwarmOptions, Discovery: discovery, Master: isMaster }
  return { ...base, options: { ...base.options, SwarmOptions: swarm } }
}

describe('filters', () => {
  it('wrong ones are refused with the texts of docker-machine', () => {
    expect(() => parseFilters(['driver'])).toThrow('Unsupported filter syntax')
    expect(() => parseFilters(['Foo=x'])).toThrow("Unsupported filter key 'Foo'")
    expect(() => parseFilters(['__proto__=x'])).toThrow("Unsupported filter key '__proto__'")
    expect(parseFilters(['DRIVER=a', 'driver=b', 'label=k=v=w'])).toMatchObject({
      driver: ['a', 'b'],
      label: ['k=v=w'],
    })
  })

  it('one key is an alternative, several keys are a conjunction, label values ignore case', () => {
    const passes = (subject: Host, ...texts: string[]): boolean =>
      passesFilter(subject, parseFilters(texts), new Map(), (name) => name.includes('a'))
    const subject = host('bar', ['k=Value', 'flag'], 'Generic')
    expect(passes(subject)).toBe(true)
    expect(passes(subject, 'driver=none', 'driver=generic')).toBe(true)
    expect(passes(subject, 'driver=none')).toBe(false)
    expect(passes(subject, 'label=k=vALUE', 'name=a')).toBe(true)
    expect(passes(subject, 'label=K=value')).toBe(false)
    expect(passes(subject, 'label=flag')).toBe(true)
    expect(passes(host('xyz', []), 'name=a')).toBe(false)
    expect(passes(host('xyz', []), 'label=a=b')).toBe(false)
  })

  it('a machine belongs to the master with its discovery; machines without discovery to nobody', () => {
    const hosts = [
      swarmHost('m', 'd://1', true),
      swarmHost('n', 'd://1', false),
      swarmHost('o', 'd://2', false),
      swarmHost('p', '', false),
    ]
    expect([...findSwarms(hosts)]).toEqual([
      ['m', 'm (master)'],
      ['n', 'm'],
    ])
    const byMaster = (subject: Host): boolean =>
      passesFilter(subject, parseFilters(['swarm=m']), findSwarms(hosts), () => true)
    expect(hosts.map(byMaster)).toEqual([true, true, false, false])
  })
})

describe('order of names', () => {
  it('numbers count as numbers, case does not count, and no two names are equal', () => {
    const names = ['m10', 'M2', 'm1', 'b', 'a10b2', 'a10b10', 'a', 'A', 'm2', 'm02']
    expect(names.sort(compareNames)).toEqual(
      ['A', 'a', 'a10b2', 'a10b10', 'b', 'm1', 'M2', 'm02', 'm2', 'm10'].sort(compareNames),
    )
    expect(['m10', 'm2', 'm1'].sort(compareNames)).toEqual(['m1', 'm2', 'm10'])
    expect(compareNames('a', 'A')).not.toBe(0)
  })

  it('is a total order', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'A', '0', '1', '9', '-'), minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(name, name, name, (a, b, c) => {
        expect(Math.sign(compareNames(a, b))).toBe(-Math.sign(compareNames(b, a)) + 0)
        expect(compareNames(a, b) === 0).toBe(a === b)
        if (compareNames(a, b) <= 0 && compareNames(b, c) <= 0) expect(compareNames(a, c)).toBeLessThanOrEqual(0)
      }),
    )
  })
})
