import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { fileReason, toFileMessage } from './file-reason.ts'

it('what the file system says, without its number, the call and a path that was only ours', async () => {
  const reasonOf = (path: string): Promise<string> => readFile(path).then(String, fileReason)
  expect(await reasonOf('/nowhere/to, be/found')).toBe('no such file or directory')
  expect(await reasonOf('/')).toBe('is a directory')
  expect(fileReason(new Error('EACCES: permission denied, open \'/a, open "b"\''))).toBe('permission denied')
  expect(fileReason(new Error('disk: on fire, run'))).toBe('disk: on fire, run')
})

it('a refusal that nobody has put into words is told as other programs do', async () => {
  const said = (path: string): Promise<string> => readFile(path).then(String, toFileMessage)
  expect(await said('/nowhere/file')).toBe('open /nowhere/file: no such file or directory')
  expect(await said('/')).toBe('read: is a directory')
  expect(toFileMessage(new Error('ENOENT: by somebody else'))).toBe('ENOENT: by somebody else')
  expect(toFileMessage('thrown')).toBe('thrown')
})

it('what is no refusal of a file keeps its words', async () => {
  const child = spawn('/nowhere/program')
  const [error] = await once(child, 'error')
  expect(toFileMessage(error)).toBe('spawn /nowhere/program ENOENT')
})
