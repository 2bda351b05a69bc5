import { execFileSync } from 'node:child_process'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { quoteShell, quoteShellWords } from './shell-quote.ts'

it('plain words stay as they are, others come out of a real shell byte for byte', () => {
  expect(quoteShellWords(['ls', '-l', '/tmp/a b', "it's", ''])).toBe("ls -l '/tmp/a b' 'it'\\''s' ''")
  const words = fc.array(
    fc.string({ unit: 'binary', maxLength: 12 }).filter((word) => !word.includes('\0')),
    { minLength: 1, maxLength: 40 },
  )
  fc.assert(
    fc.property(words, (list) => {
      const script = list.map((word) => `printf '%s\\0' ${quoteShell(word)}`).join('\n')
      const out = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' })
      expect(out).toBe(list.map((word) => `${Buffer.from(word).toString('utf8')}\0`).join(''))
    }),
    { numRuns: 20 },
  )
})
