import { describe, expect, it } from 'vitest'
import { refuseNames } from './nameless.ts'
import type { TarEntry } from './tar-sieve.ts'

const file = (name: string, size = 1): TarEntry => ({ name, size, isFile: true })
const rules = refuseNames(undefined)

function read(name: string, content: string): void {
  if (rules.judge(file(name)) === 'read') rules.onRead(file(name), Buffer.from(content))
}

describe('refuseNames', () => {
  it.each([
    ['manifest.json', '[{"Config":"c","RepoTags":null,"Layers":[]}]'],
    ['manifest.json', '[{"Config":"c","RepoTags":[],"Layers":[]}]'],
    ['index.json', '{"manifests":[{"digest":"sha256:a","annotations":{"x":"y"}}]}'],
    ['oci-layout', '{"imageLayoutVersion":"1.0.0"}'],
    ['a/json', '{"RepoTags":["a:1"]}'],
  ])('lets %s %s pass', (name, content) => {
    expect(() => read(name, content)).not.toThrow()
  })

  it.each([
    ['manifest.json', '[{"RepoTags":["a:1"]}]'],
    ['manifest.json', '[{"RepoTags":null},{"repotags":["a:1"]}]'],
    ['manifest.json', '[{"RepoTag\u017f":["a:1"]}]'],
    ['manifest.json', '[{"RepoTags":"a:1"}]'],
    ['manifest.json', ''],
    ['manifest.json', '[]]'],
    ['x/../manifest.json', '[{"RepoTags":["a:1"]}]'],
    ['manifest.json/x/..', '[{"RepoTags":["a:1"]}]'],
    ['./manifest.json/.', '[{"RepoTags":["a:1"]}]'],
    ['link/manifest.json', '[{"RepoTags":["a:1"]}]'],
    ['index.json', '{"manifests":[{"annotations":{"io.containerd.image.name":"a:1"}}]}'],
    ['index.json', '{"manifests":[{"annotations":{"org.opencontainers.image.ref.name":"1"}}]}'],
    ['repositories', '{}'],
  ])('refuses %s %s', (name, content) => {
    expect(() => read(name, content)).toThrow(/^not an archive of one image by its ID: .* would give names$/)
  })

  it('refuses lists that it cannot read: links, and what is too large', () => {
    expect(() => rules.judge({ ...file('manifest.json'), isFile: false })).toThrow('would give names')
    expect(() => rules.judge(file('index.json', 2 * 1024 * 1024))).toThrow('would give names')
  })

  it('leaves all else to the rules it was given, and never drops a list', () => {
    const seen: string[] = []
    const both = refuseNames({ judge: () => 'drop', onRead: (entry) => seen.push(entry.name) })
    expect([both.judge(file('blobs/sha256/a')), both.judge(file('manifest.json'))]).toEqual(['drop', 'read'])
    both.onRead(file('a/json'), Buffer.from('{}'))
    expect(seen).toEqual(['a/json'])
  })

  it('is not brought down by depth', () => {
    expect(() => read('manifest.json', `${'['.repeat(300_000)}${']'.repeat(300_000)}`)).not.toThrow(RangeError)
  })
})
