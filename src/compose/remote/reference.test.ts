import { describe, expect, it } from 'vitest'
import { findDanger, maskReference, parseRemote } from './reference.ts'
import type { GitReference } from './reference.ts'

const parse = (text: string): GitReference => parseRemote(text) as GitReference

describe('names of remote files (H-P2)', () => {
  it.each([
    'ext::sh -c touch% /tmp/x',
    'ext::x.git',
    'file:///etc',
    'fd::3',
    'ftp://h/x.git',
    '--upload-pack=touch x',
    '-u@h:x',
    'http://-oProxyCommand=x/y.git',
    'ssh://-oProxyCommand=x/y',
    'git@-oProxyCommand=x:y',
    'https://h/x.git y',
    'https://h/x\0.git',
    'https://h/plain',
    './compose.yaml',
    'C:\\compose.yaml',
  ])('%j is a path and nothing that git sees', (text) => {
    expect(parseRemote(text)).toBeUndefined()
  })

  it.each([
    '--upload-pack=x',
    '-b',
    'a b',
    'a..b',
    'main~1',
    'main^',
    'a:b:c'.replace(':b', '\\b'),
    'a\nb',
    'a\u001bb',
    '[x',
    'x?',
    'x*',
  ])('the ref %j is refused', (ref) => {
    expect(findDanger({ kind: 'git', remote: 'https://h/x.git', ref, path: '' })).toBe('its ref is no name')
  })

  it.each(['../x', 'a/../../x', '..', 'a\\..\\x', '/etc/passwd', 'C:\\x', 'c:x', 'a\0b'])(
    'the path %j is refused',
    (path) => {
      expect(findDanger({ ...parse('https://h/x.git#main'), path })).toMatch(/^its path /)
    },
  )

  it('honest ones pass, and no password is shown', () => {
    for (const text of [
      'https://u:p@h/x.git#v1.2:deploy/compose.yml',
      'git@h.example:a/b.git#feature/x',
      'ssh://g@h:22/x',
    ]) {
      expect(findDanger(parse(text))).toBeUndefined()
      expect(maskReference(text)).not.toContain('u:p')
    }
  })
})
