import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { fileReason } from './file-reason.ts'

it('what the file system says, without its number, the call and a path that was only ours', async () => {
  const reasonOf = (path: string): Promise<string> => readFile(path).then(String, fileReason)
  expect(await reasonOf('/nowhere/to, be/found')).toBe('no such file or directory')
  expect(await reasonOf('/')).toBe('is a directory')
  expect(fileReason(new Error('EACCES: permission denied, open \'/a, open "b"\''))).toBe('permission denied')
  expect(fileReason(new Error('disk: on fire, run'))).toBe('disk: on fire, run')
})
