import { describe, expect, it } from 'vitest'
import { parseDuration } from './duration.ts'
import { nearestName } from './nearest.ts'
import { isIpAddress, parsePort } from './short-port.ts'
import { parseVolume } from './short-volume.ts'
import { splitWords } from './shell-words.ts'

describe('ports', () => {
  it.each<[string, readonly string[] | string]>([
    ['80', ['::80/tcp']],
    ['80/udp', ['::80/udp']],
    ['8080:80', [':8080:80/tcp']],
    ['127.0.0.1:8080:80', ['127.0.0.1:8080:80/tcp']],
    ['[::1]:53:53/UDP', ['::1:53:53/udp']],
    ['1.2.3.4::80', ['1.2.3.4::80/tcp']],
    ['8000-8010:80', [':8000-8010:80/tcp']],
    ['9-10:99-100', [':10:100/tcp', ':9:99/tcp']],
    ['08:09', [':8:9/tcp']],
    ['y', 'Invalid containerPort: y'],
    ['a:80', 'Invalid hostPort: a'],
    ['70000', 'Invalid containerPort: 70000'],
    ['9-8', 'Invalid containerPort: 9-8'],
    ['80:', 'No port specified: 80:<empty>'],
    ['80/foo', 'Invalid proto: foo'],
    ['1.2.3:80:80', 'Invalid ip address: 1.2.3'],
    ['5-6:1-3', 'Invalid ranges specified for container and host Ports: 1-3 and 5-6'],
  ])('%s', (spec, expected) => {
    const parsed = parsePort(spec)
    const shown =
      'reason' in parsed
        ? parsed.reason
        : parsed.map((port) => `${port.hostIp}:${port.published}:${port.target}/${port.protocol}`)
    expect(shown).toEqual(expected)
  })

  it('take what is an address and refuse what is none', () => {
    const all = [
      '1.2.3.4',
      '::',
      '::1',
      '1:2:3:4:5:6:7:8',
      '::ffff:1.2.3.4',
      '256.1.1.1',
      '01.1.1.1',
      '1::2::3',
      ':1',
      'fe80::1%eth0',
    ]
    expect(all.map(isIpAddress)).toEqual([true, true, true, true, true, false, false, false, false, false])
  })
})

describe('mounts', () => {
  it.each<[string, object]>([
    ['/data', { source: '', target: '/data', isBind: false }],
    ['./a:/b:ro,z', { source: './a', target: '/b', isBind: true, readOnly: true, selinux: 'z' }],
    ['vol:/b:nocopy', { source: 'vol', target: '/b', isBind: false, nocopy: true }],
    ['c:\\x:/b:rshared', { source: 'c:\\x', target: '/b', isBind: true, propagation: 'rshared' }],
    ['${A:-b}:/c', { source: '${A:-b}', target: '/c' }],
    ['b', { target: 'b', isTiny: true }],
    ['aa::b', { reason: 'invalid spec: aa::b: empty section between colons' }],
    ['aa:/b:ro:rw', { reason: 'invalid spec: aa:/b:ro:rw: too many colons' }],
    ['', { reason: 'invalid empty volume spec' }],
  ])('%s', (spec, expected) => {
    expect(parseVolume(spec)).toMatchObject(expected)
  })
})

describe('command lines', () => {
  it.each<[string, string[] | undefined]>([
    ['sh -c "a b" x', ['sh', '-c', 'a b', 'x']],
    [`a 'b\\c' d\\ e`, ['a', 'b\\c', 'd e']],
    ['"" b', ['', 'b']],
    ['', []],
    ['a; b', ['a']],
    ['echo $(date -u) x', ['echo', '$(date -u)', 'x']],
    ['echo `x y`', ['echo', '`x y`']],
    ["a 'b", undefined],
    ['a (b)', undefined],
  ])('%j', (line, words) => {
    expect(splitWords(line)).toEqual(words)
  })
})

describe('durations', () => {
  it.each<[string, unknown]>([
    ['1m30s', 90e9],
    ['1.5s', 1.5e9],
    ['1d2h', 93_600e9],
    ['1w', 604_800e9],
    ['100us', 100_000],
    ['0.5ns', 0],
    ['1.9us', 1900],
    ['0.29s', 290_000_000],
    ['0', 0],
    ['-1s', -1e9],
    ['10', { reason: 'time: missing unit in duration "10"' }],
    ['1y', { reason: 'time: unknown unit "y" in duration "1y"' }],
    ['foo', { reason: 'time: invalid duration "foo"' }],
    ['', { reason: 'time: invalid duration ""' }],
  ])('%j', (text, expected) => {
    expect(parseDuration(text)).toEqual(expected)
  })
})

describe('hints', () => {
  it('name the nearest word, and none when nothing is near', () => {
    const known = ['environment', 'image', 'build', 'a']
    expect(['enviroment', 'imgae', 'Build', 'zzz', 'c'].map((wrong) => nearestName(wrong, known))).toEqual([
      'environment',
      'image',
      'build',
      undefined,
      undefined,
    ])
  })
})
