import { expect, it } from 'vitest'
import { planDeletions, splitArguments } from './gone.ts'

const gone = (...paths: readonly string[]) =>
  paths.map((path) => ({ hostPath: `/src/${path}`, containerPath: `/app/${path}` }))

it('what lies in a folder that goes is not named', () => {
  expect(planDeletions(gone('a/b/c', 'a', 'a/b', 'ab'), ['/src'], () => true)).toEqual({
    whole: ['/app/a', '/app/ab'],
    ifEmpty: [],
  })
})

it('folders that went with their files go when they are empty, the deepest first, and no further up than the rule', () => {
  const there = new Set(['/src/kept'])
  expect(
    planDeletions(gone('a/x.js', 'a/b/c/y.js', 'kept/z.js', 'top.js'), ['/src'], (path) => there.has(path)),
  ).toEqual({
    whole: ['/app/a/x.js', '/app/a/b/c/y.js', '/app/kept/z.js', '/app/top.js'],
    ifEmpty: ['/app/a/b/c', '/app/a/b', '/app/a'],
  })
})

it('very many paths go in several commands, none of them missing and in their order', () => {
  const paths = Array.from({ length: 50_000 }, (_, index) => `/app/some/folder/file-${index}`)
  const groups = splitArguments(paths)
  expect(groups.flat()).toEqual(paths)
  expect(groups.every((group) => group.length > 0 && group.join(' ').length <= 64 * 1024)).toBe(true)
  expect([splitArguments([]), splitArguments(['/a', '/b'])]).toEqual([[], [['/a', '/b']]])
})
