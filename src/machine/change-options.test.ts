import { describe, expect, it } from 'vitest'
import { changeOptions } from './change-options.ts'
import type { OptionChanges } from './change-options.ts'
import type { Host } from './host.ts'
import { emptyAuthOptions, emptyEngineOptions, emptySwarmOptions } from './record.ts'

const host: Host = {
  name: 'm',
  driverName: 'generic',
  driver: {},
  options: {
    Driver: '',
    Memory: 0,
    Disk: 0,
    EngineOptions: { ...emptyEngineOptions, Labels: ['role=web', 'zone=a'], EngineVersion: '20.10' },
    SwarmOptions: emptySwarmOptions,
    AuthOptions: { ...emptyAuthOptions, ServerCertSANs: null },
  },
}

function change(changes: Partial<OptionChanges>): ReturnType<typeof changeOptions> {
  return changeOptions(host, { lists: {}, texts: {}, removals: [], ...changes })
}

describe('options of a machine', () => {
  it('an entry takes the place of that of its key, or comes last', () => {
    const { host: next, lines } = change({
      lists: { 'engine-label': ['role=db=x', 'new=1'], 'tls-san': ['web.test', 'web.test'] },
    })
    expect(next.options.EngineOptions.Labels).toEqual(['role=db=x', 'zone=a', 'new=1'])
    expect(next.options.AuthOptions.ServerCertSANs).toEqual(['web.test'])
    expect(lines).toEqual([
      'engine-label: "role=web", "zone=a" → "role=db=x", "zone=a", "new=1"',
      'tls-san: (none) → "web.test"',
    ])
  })

  it('several entries of one key go together', () => {
    const first = change({ lists: { 'engine-opt': ['dns=1.1.1.1', 'dns=9.9.9.9', 'log-level=debug'] } }).host
    const second = changeOptions(first, { lists: { 'engine-opt': ['dns=8.8.8.8'] }, texts: {}, removals: [] })
    expect(second.host.options.EngineOptions.ArbitraryFlags).toEqual(['dns=8.8.8.8', 'log-level=debug'])
  })

  it('entries, lists and texts are taken away', () => {
    const { host: next, lines } = change({ removals: ['engine-label=zone', 'engine-version'] })
    expect(next.options.EngineOptions.Labels).toEqual(['role=web'])
    expect(next.options.EngineOptions).not.toHaveProperty('EngineVersion')
    expect(lines).toEqual(['engine-label: "role=web", "zone=a" → "role=web"', 'engine-version: "20.10" → (none)'])
    expect(change({ removals: ['engine-label'] }).host.options.EngineOptions.Labels).toEqual([])
    expect(change({ removals: ['engine-label'], lists: { 'engine-label': ['a=1'] } }).lines).toEqual([
      'engine-label: "role=web", "zone=a" → "a=1"',
    ])
  })

  it('what is so already is no change', () => {
    const same = change({ lists: { 'engine-label': ['zone=a'] }, texts: { 'engine-version': '20.10' } })
    expect(same).toEqual({ host, lines: [] })
    expect(same.host).toBe(host)
  })

  it('what is taken away already is no change: the command that was cut short can be given again', () => {
    expect(change({ removals: ['engine-label=none'] })).toEqual({ host, lines: [] })
  })

  it('what is no option cannot be taken away', () => {
    expect(() => change({ removals: ['driver'] })).toThrow('--remove "driver": there is no such option to take away')
    expect(() => change({ removals: ['constructor'] })).toThrow('there is no such option to take away')
    expect(() => change({ removals: ['toString=x'] })).toThrow('there is no such option to take away')
  })
})
