import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, relative } from 'node:path'
import process from 'node:process'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { openSsh } from './openssh.ts'

const path = process.env['PATH']
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'openssh-'))
  writeFileSync(join(folder, 'ssh'), '#!/bin/sh\necho "mine"\n', { mode: 0o755 })
})
afterEach(() => {
  process.env['PATH'] = path
  rmSync(folder, { recursive: true })
})

it('runs the ssh of the PATH, and none that lies where we happen to be', async () => {
  const address = { host: 'h', port: 22, user: 'u' }
  process.env['PATH'] = [folder, path].join(delimiter)
  const found = openSsh(address, systemClock)
  expect(await found.run('true', {})).toMatchObject({ code: 0, stdout: 'mine\n' })
  await found.close()
  process.env['PATH'] = relative(process.cwd(), folder)
  const lost = openSsh(address, systemClock)
  await expect(lost.run('true', {})).rejects.toThrow('cannot run ssh: no such program')
  await lost.close()
})
