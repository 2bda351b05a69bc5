import { Readable, Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { promptConfirm } from './prompt.ts'

/** Words that are yes: docker/compose pkg/utils/stringutils.go, and `yes` itself. */
it.each([
  ['y', true],
  ['YES', true],
  [' true ', true],
  ['T', true],
  ['1', true],
  ['n', false],
  ['0', false],
  ['yeah', false],
  ['', false],
])('%j is %s', async (answer, expected) => {
  let asked = ''
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      asked += chunk.toString()
      done()
    },
  })
  expect(await promptConfirm('Sure? ', { stdin: Readable.from([`${answer}\n`]), stdout })).toBe(expected)
  expect(asked).toBe('Sure? ')
})

it('the end of the input is no', async () => {
  expect(await promptConfirm('', { stdin: Readable.from([]), stdout: new Writable({ write: () => true }) })).toBe(false)
})
