import { describe, expect, it } from 'vitest'
import { FlotillaError } from '../../core/errors.ts'
import type { HostState } from '../driver.ts'
import type { Host } from '../host.ts'
import { emptyAuthOptions, emptyEngineOptions, emptySwarmOptions } from '../record.ts'
import { expandBraces, readFleet } from './fleet-file.ts'
import type { FleetMachine } from './fleet-file.ts'
import { fleetMark, planFleet, renderPlan } from './fleet-plan.ts'
import type { FleetObserved } from './fleet-plan.ts'

const refuse = (why: string): FlotillaError => new FlotillaError('machine/usage', why)

function seen(wanted: FleetMachine, state: HostState = 'Running', fleet = 'prod'): FleetObserved {
  const host: Host = {
    name: wanted.name,
    driverName: wanted.driver,
    driver: {},
    options: {
      Driver: '',
      Memory: 0,
      Disk: 0,
      EngineOptions: emptyEngineOptions,
      SwarmOptions: emptySwarmOptions,
      AuthOptions: emptyAuthOptions,
    },
    extra: fleetMark(fleet, wanted),
  }
  return { host, state }
}

const web: FleetMachine = {
  name: 'web',
  driver: 'local',
  options: { 'local-memory': 512 },
  labels: { role: 'a' },
  state: 'running',
}
const file = (...machines: FleetMachine[]): { name: string; machines: FleetMachine[] } => ({ name: 'prod', machines })

describe('fleet files', () => {
  it('braces are ranges, with their width, and lists', () => {
    expect(expandBraces('web-{1..3}', refuse)).toEqual(['web-1', 'web-2', 'web-3'])
    expect(expandBraces('{a,b}-{08..10}', refuse)).toEqual(['a-08', 'a-09', 'a-10', 'b-08', 'b-09', 'b-10'])
    expect(() => expandBraces('x{3..1}', refuse)).toThrow('{3..1} is no range')
    expect(() => expandBraces('x{1..99999}', refuse)).toThrow('is no range of 1 to 1000 machines')
    expect(() => expandBraces('{1..1000}{1..1000}{1..1000}{1..1000}', refuse)).toThrow(
      'it stands for more than 1000 machines',
    )
  })

  it.each([
    [[], 'f: a mapping with the key "machines" is expected'],
    [{ machine: {} }, 'f: there is no key "machine", only name, machines'],
    [{ machines: { a: {} } }, 'f: machines.a: driver is missing'],
    [{ machines: { a: { driver: 'x', size: 3 } } }, 'f: machines.a: there is no key "size"'],
    [{ machines: { a_b: { driver: 'x' } } }, 'f: machines.a_b: "a_b" is no name of a machine'],
    [{ machines: { 'a{1,1}': { driver: 'x' } } }, 'f: machines.a{1,1}: machine "a1" is there twice'],
    [{ machines: { a: { driver: 'x', options: { driver: 'y' } } } }, 'options.driver: use the key "driver"'],
    [{ machines: { a: { driver: 'x', options: { k: {} } } } }, 'options.k is neither text, number'],
    [{ machines: { a: { driver: 'x', state: 'on' } } }, 'state is neither running nor stopped'],
  ])('%j is refused', (value, text) => {
    expect(() => readFleet(value, 'f')).toThrow(text)
  })
})

describe('plans', () => {
  it('what is as the file says is left alone', () => {
    expect(planFleet(file(web), [seen(web)], true)).toEqual({ steps: [], unchanged: ['web'], left: [], conflicts: [] })
  })

  it('labels and options of the engine are changed in place, others make another machine', () => {
    const relabelled = { ...web, labels: { role: 'b', zone: 'z' } }
    expect(planFleet(file(relabelled), [seen(web)], false).steps).toEqual([
      {
        action: 'update',
        name: 'web',
        changes: ['label role: "a" → "b"', 'label zone: (none) → "z"'],
        wanted: relabelled,
      },
    ])
    const larger = { ...web, options: { 'local-memory': 1024 } }
    expect(planFleet(file(larger), [seen(web)], false).steps).toMatchObject([
      { action: 'replace', changes: ['local-memory: 512 → 1024'] },
    ])
    expect(planFleet(file({ ...web, driver: 'qemu' }), [seen(web)], false).steps).toMatchObject([
      { action: 'replace', changes: ['driver: local → qemu'] },
    ])
  })

  it('machines are switched on and off as the file says', () => {
    expect(planFleet(file(web), [seen(web, 'Stopped')], false).steps).toMatchObject([{ action: 'start' }])
    const off = { ...web, state: 'stopped' } as const
    expect(planFleet(file(off), [seen(web)], false).steps).toMatchObject([{ action: 'stop' }])
    expect(planFleet(file(off), [seen(web, 'Stopped')], false).steps).toEqual([])
  })

  it('creations that were cut short are gone on with', () => {
    const { host } = seen(web)
    const half = { host: { ...host, extra: { ...host.extra, UnfinishedStep: 'driver' } }, state: '' as const }
    expect(planFleet(file(web), [half], false).steps).toMatchObject([{ action: 'resume' }])
  })

  it('only machines of this fleet are ever removed, and only when asked for', () => {
    const other = seen({ ...web, name: 'other' }, 'Running', 'staging')
    const gone = seen({ ...web, name: 'gone' })
    expect(planFleet(file(), [other, gone], false)).toMatchObject({ steps: [], left: ['gone'] })
    expect(planFleet(file(), [other, gone], true)).toMatchObject({
      steps: [{ action: 'remove', name: 'gone' }],
      left: [],
    })
    expect(planFleet(file({ ...web, name: 'other' }), [other], true)).toMatchObject({ steps: [], conflicts: ['other'] })
  })

  it('is read by people', () => {
    const plan = planFleet(file(web, { ...web, name: 'two', state: 'stopped' }), [seen({ ...web, name: 'old' })], true)
    expect(renderPlan(plan)).toBe(
      [
        '+ create web',
        '    driver: local',
        '    local-memory: 512',
        '    label role: "a"',
        '+ create two',
        '    driver: local',
        '    local-memory: 512',
        '    label role: "a"',
        '    state: stopped',
        '- remove old',
        'Plan: 2 to create, 1 to remove; 0 unchanged.',
        '',
      ].join('\n'),
    )
  })
})

describe('credentials among the options', () => {
  const cloud: FleetMachine = { ...web, driver: 'cloud', options: { 'cloud-api-key': 'k1k2k3', 'cloud-size': 's' } }

  it('are neither shown nor kept in the record', () => {
    expect(renderPlan(planFleet(file(cloud), [], false))).toContain('    cloud-api-key: ***\n    cloud-size: "s"\n')
    expect(JSON.stringify(fleetMark('prod', cloud))).not.toContain('k1k2k3')
  })

  it('are compared all the same, also with records that hold them', () => {
    expect(planFleet(file(cloud), [seen(cloud)], false).unchanged).toEqual(['web'])
    const plain = {
      Fleet: { name: 'prod', driver: 'cloud', options: { ...cloud.options }, labels: { ...cloud.labels } },
    }
    const old = { ...seen(cloud), host: { ...seen(cloud).host, extra: plain } }
    expect(planFleet(file(cloud), [old], false).unchanged).toEqual(['web'])
    const other = { ...cloud, options: { ...cloud.options, 'cloud-api-key': 'other' } }
    const plan = planFleet(file(other), [seen(cloud)], false)
    expect(plan.steps.map(({ action, changes }) => [action, changes])).toEqual([
      ['replace', ['cloud-api-key: *** → ***']],
    ])
  })

  it('references to them are no secret', () => {
    const named = { ...cloud, options: { 'cloud-api-key': 'secret:env:KEY' } }
    expect(renderPlan(planFleet(file(named), [], false))).toContain('cloud-api-key: "secret:env:KEY"')
    expect(planFleet(file(named), [seen(named)], false).unchanged).toEqual(['web'])
  })
})
