import { describe, expect, it } from 'vitest'
import { makeHost } from '../../../test/conformance/store.ts'
import type { HostRow } from '../../machine/list.ts'
import { findDriverName } from './driver-flags.ts'
import { alignTabs, renderRows } from './ls-format.ts'

function row(name: string, more: Partial<HostRow> = {}): HostRow {
  return {
    name,
    driverName: 'none',
    state: 'Running',
    url: 'tcp://h:2376',
    version: 'v28.2.2',
    error: '',
    isActiveHost: false,
    isActiveSwarm: false,
    responseMs: 1250,
    host: makeHost(name),
    ...more,
  }
}

const { host: _host, ...broken } = row('bad', {
  driverName: 'not found',
  state: 'Error',
  url: '',
  version: '',
  error: 'cause',
})

describe('the table of ls', () => {
  it('has the columns of docker-machine; rows with an empty last cell end in blanks', () => {
    const rows = [
      row('a', { isActiveHost: true }),
      row('long-name', { isActiveSwarm: true }),
      row('t', { state: 'Timeout' }),
      broken,
    ]
    expect(renderRows('', rows, new Map([['a', 'm (master)']])).split('\n')).toEqual([
      'NAME        ACTIVE      DRIVER      STATE     URL            SWARM        DOCKER    ERRORS',
      'a           *           none        Running   tcp://h:2376   m (master)   v28.2.2   ',
      'long-name   * (swarm)   none        Running   tcp://h:2376                v28.2.2   ',
      't                       none        Timeout   tcp://h:2376                v28.2.2   ',
      'bad                     not found   Error                                           cause',
      '',
    ])
  })

  it('takes templates, with literal \\t and \\n, headings only for `table`', () => {
    const rows = [row('a')]
    expect(renderRows('{{.Name}}\\t{{.State}}', rows, new Map())).toBe('a\tRunning\n')
    expect(renderRows('table {{.Name}}\\t{{.ResponseTime}}\\t{{.ActiveHost}}', rows, new Map())).toBe(
      'NAME   RESPONSE   ACTIVE_HOST\na      1.25s      false\n',
    )
    expect(renderRows('{{.EngineOptions.Labels}}', rows, new Map())).toBe('[a=b]\n')
    expect(() => renderRows('{{json .}}', rows, new Map())).toThrow('template: :1: function "json" not defined')
    expect(() => renderRows('{{.Nope}}', rows, new Map())).toThrow(/can't evaluate field Nope/)
  })

  it('columns are at least five wide with three blanks between', () => {
    expect(alignTabs(['a\tb\tc', 'dddd\te\tf'])).toBe('a      b    c\ndddd   e    f\n')
  })
})

describe('the driver of create', () => {
  it('is found anywhere on the line in every spelling, else in the environment, else virtualbox', () => {
    expect(findDriverName(['create', 'x', '-d', 'generic'], {})).toBe('generic')
    expect(findDriverName(['create', '--driver=none', 'x'], {})).toBe('none')
    expect(findDriverName(['create', '-driver', 'local'], {})).toBe('local')
    expect(findDriverName(['create', '-d=a'], { MACHINE_DRIVER: 'b' })).toBe('a')
    expect(findDriverName(['create'], { MACHINE_DRIVER: 'b' })).toBe('b')
    expect(findDriverName(['create'], { MACHINE_DRIVER: '' })).toBe('virtualbox')
  })
})
