import { describe, expect, it } from 'vitest'
import { containerFilterKeys } from './container-filter.ts'
import { parseListFilters } from './list-filter.ts'
import { compilePorts } from './port-filter.ts'

const ports = [
  { ip: '10.0.0.1', privatePort: 80, publicPort: 8080, protocol: 'tcp' },
  { ip: '', privatePort: 53, publicPort: undefined, protocol: 'udp' },
]

function fits(filters: Readonly<Record<string, readonly string[]>>): boolean | undefined {
  return compilePorts(parseListFilters(JSON.stringify(filters), containerFilterKeys))?.(ports)
}

describe('the filters publish and expose', () => {
  it.each([
    [{ publish: ['8080'] }, true],
    [{ publish: ['8080/tcp'] }, true],
    [{ publish: ['8000-8100'] }, true],
    [{ publish: ['8080/udp'] }, false],
    [{ publish: ['80'] }, false],
    [{ expose: ['80'] }, true],
    [{ expose: ['53'] }, false],
    [{ expose: ['53/udp'] }, true],
    [{ expose: ['1-52/udp'] }, false],
    [{ publish: ['1'], expose: ['80'] }, true],
    [{ publish: ['1', '8080'] }, true],
  ])('%j: %s', (filters, expected) => {
    expect(fits(filters)).toBe(expected)
  })

  it('say nothing when they are not given', () => {
    expect(fits({ name: ['web'] })).toBeUndefined()
  })

  it.each(['', 'http', '80-', '90-80', '70000', '80/icmp'])('refuse %j', (value) => {
    expect(() => fits({ publish: [value] })).toThrow(`invalid filter 'publish=${value}'`)
  })
})
