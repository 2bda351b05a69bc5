import { describe, expect, it } from 'vitest'
import { findDebianMirror, parseSourceList, parseSourceParagraphs } from './apt-sources.ts'

describe('apt sources', () => {
  it('reads the one-line form with options and comments', () => {
    const text =
      '# deb http://old/ bookworm main\ndeb [arch=amd64 signed-by=/k.gpg] http://mirror/debian trixie main contrib # here\ndeb-src http://mirror/debian trixie main\n'
    expect(parseSourceList(text)).toEqual([
      { uri: 'http://mirror/debian', suites: ['trixie'], components: ['main', 'contrib'] },
    ])
  })

  it('reads the paragraph form with several addresses, comments and continuation lines', () => {
    const text = [
      'Types: deb deb-src',
      '# http://not.this/',
      'URIs: http://a/debian http://b/debian',
      'Suites: bookworm',
      ' bookworm-updates',
      'Components: main',
      '',
      'Types: deb',
      'URIs: http://off/debian',
      'Suites: bookworm',
      'Components: main',
      'Enabled: no',
      '',
      'Types: deb-src',
      'URIs: http://sources/debian',
      'Suites: bookworm',
      'Components: main',
    ].join('\n')
    const suites = ['bookworm', 'bookworm-updates']
    expect(parseSourceParagraphs(text)).toEqual([
      { uri: 'http://a/debian', suites, components: ['main'] },
      { uri: 'http://b/debian', suites, components: ['main'] },
    ])
  })

  it('the archive of Debian itself is found beside those of security updates and of others', () => {
    const sources = [
      { uri: 'http://vendor/', suites: ['stable'], components: ['stuff'] },
      { uri: 'http://mirror/debian-security', suites: ['bookworm-security'], components: ['main'] },
      { uri: 'http://tools/', suites: ['nodistro'], components: ['main'] },
      { uri: 'http://mirror/debian', suites: ['bookworm', 'bookworm-updates'], components: ['main'] },
    ]
    expect(findDebianMirror(sources)).toBe('http://mirror/debian')
    expect(findDebianMirror(sources.slice(0, 3))).toBeUndefined()
    expect(findDebianMirror([])).toBeUndefined()
  })
})
