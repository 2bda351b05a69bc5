import { describe, expect, it } from 'vitest'
import {
  chooseDirection,
  decideGoal,
  followLink,
  kindOfMode,
  parseCopyPlace,
  renameEntry,
  toContainerPath,
  toLocalPath,
} from './rule.ts'

describe('places', () => {
  it.each([
    ['web:/a', { service: 'web', path: '/a' }],
    ['web:a:b', { service: 'web', path: 'a:b' }],
    ['/a:b', { path: '/a:b' }],
    ['./a:b', { path: './a:b' }],
    ['a', { path: 'a' }],
    ['-', { path: '-' }],
  ])('%s', (text, place) => {
    expect(parseCopyPlace(text)).toEqual(place)
  })

  it.each([
    ['web:/a', 'b', { kind: 'out', service: 'web', source: '/a', target: 'b' }],
    ['-', 'web:/b', { kind: 'in', service: 'web', source: '-', target: '/b' }],
  ])('%s to %s', (from, to, way) => {
    expect(chooseDirection(parseCopyPlace(from), parseCopyPlace(to))).toEqual(way)
  })

  it('what cannot be copied', () => {
    expect(() => chooseDirection(parseCopyPlace('a:/x'), parseCopyPlace('b:/y'))).toThrow(
      'copying between services is not supported',
    )
    expect(() => chooseDirection(parseCopyPlace('a'), parseCopyPlace('b'))).toThrow('unknown copy direction')
    expect(() => chooseDirection(parseCopyPlace('a:'), parseCopyPlace('b'))).toThrow('path cannot be empty')
    expect(() => chooseDirection(parseCopyPlace('a'), parseCopyPlace('b:'))).toThrow('no such directory')
  })

  it.each([
    ['a/b', '/proj/a/b', '/a/b'],
    ['a/', '/proj/a/', '/a/'],
    ['a/.', '/proj/a/.', '/a/.'],
    ['.', '/proj/.', '/.'],
    ['/', '/', '/'],
    ['/x/../y', '/y', '/y'],
    ['../../z', '/z', '/z'],
  ])('%s keeps the end it was typed with', (typed, local, inside) => {
    expect(toLocalPath('/proj', typed)).toBe(local)
    expect(toContainerPath(typed)).toBe(inside)
  })
})

// docs.docker.com/reference/cli/docker/container/cp, the list of cases.
describe('where a copy ends up', () => {
  const folder = { path: '/s/dir', isFolder: true }
  const file = { path: '/s/f', isFolder: false }

  it.each([
    ['a file onto nothing', file, { path: '/d/new', found: 'nothing' }, { folder: '/d', name: 'new' }],
    ['a file onto a file', file, { path: '/d/old', found: 'file' }, { folder: '/d', name: 'old' }],
    ['a file into a folder', file, { path: '/d', found: 'folder' }, { folder: '/d', name: 'f' }],
    ['a file into a folder typed with a slash', file, { path: '/d/', found: 'folder' }, { folder: '/d/', name: 'f' }],
    ['a folder onto nothing', folder, { path: '/d/new', found: 'nothing' }, { folder: '/d', name: 'new' }],
    [
      'a folder onto nothing with a slash',
      folder,
      { path: '/d/new/', found: 'nothing' },
      { folder: '/d', name: 'new' },
    ],
    ['a folder into a folder', folder, { path: '/d', found: 'folder' }, { folder: '/d', name: 'dir' }],
    ['contents into a folder', { path: '/s/dir/.', isFolder: true }, { path: '/d', found: 'folder' }, { folder: '/d' }],
    [
      'contents onto nothing',
      { path: '/s/dir/.', isFolder: true },
      { path: '/d/n', found: 'nothing' },
      { folder: '/d', name: 'n' },
    ],
    [
      'a followed link keeps its name',
      { path: '/real', isFolder: false, name: 'link' },
      { path: '/d', found: 'folder' },
      { folder: '/d', name: 'link' },
    ],
  ] as const)('%s', (_, source, target, goal) => {
    expect(decideGoal(source, target)).toEqual(goal)
  })

  it.each([
    ['a folder onto a file', folder, { path: '/d/f', found: 'file' }, 'cannot copy directory'],
    ['a file onto nothing with a slash', file, { path: '/d/n/', found: 'nothing' }, 'no such directory'],
    ['a file onto a file with a slash', file, { path: '/d/f/', found: 'file' }, '"/d/f/" is not a directory'],
    [
      'a file typed as a folder',
      { path: '/s/f/', isFolder: false },
      { path: '/d', found: 'folder' },
      '"/s/f/" is not a directory',
    ],
  ] as const)('%s is refused', (_, source, target, message) => {
    expect(() => decideGoal(source, target)).toThrow(message)
  })
})

describe('archives', () => {
  it.each([
    ['dir/', 'new', 'new'],
    ['dir/a/b', 'new', 'new/a/b'],
    ['dir/a', undefined, 'a'],
    ['dir/', undefined, undefined],
    ['./', undefined, undefined],
    ['./a/', undefined, 'a'],
    ['./a', 'new', 'new/a'],
    ['/dir/a', 'new', 'new/a'],
    ['dir/../../x', 'new', 'new/../../x'],
  ])('%s under the name %s', (entry, name, path) => {
    expect(renameEntry(entry, name)).toBe(path)
  })

  it.each([
    [2_147_484_141, 'folder'],
    [134_218_239, 'link'],
    [0o644, 'file'],
    [69_206_416, 'other'],
  ])('mode %d', (mode, kind) => {
    expect(kindOfMode(mode)).toBe(kind)
  })

  it.each([
    ['/a/link', 'b', '/a/b'],
    ['/a/link/', '../c', '/c'],
    ['/a/link', '/x', '/x'],
  ])('%s → %s', (path, target, real) => {
    expect(followLink(path, target)).toBe(real)
  })
})
