import { expect, it } from 'vitest'
import { spellVersionCommand } from './version-word.ts'

it.each([
  [
    ['--version', '--short'],
    ['version', '--short'],
  ],
  [
    ['-D', '-v', '-f', 'json'],
    ['-D', 'version', '-f', 'json'],
  ],
  [
    ['-v', 'ps'],
    ['version', 'ps'],
  ],
  [['--version'], ['--version']],
  [
    ['-f', 'x.yaml', '-v', '--short'],
    ['-f', 'x.yaml', '-v', '--short'],
  ],
  [
    ['run', '-v', '/a:/b', 'web'],
    ['run', '-v', '/a:/b', 'web'],
  ],
  [[], []],
])('%j means %j', (typed, meant) => {
  expect(spellVersionCommand(typed)).toEqual(meant)
})
