import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { openDriverProgram, systemClock } from 'flotilla/machine'
import { testDriver } from 'flotilla/testing/conformance'
import { afterAll } from 'vitest'

// A file stands for the machine: it says "on" while it runs.
const folder = mkdtempSync(join(tmpdir(), 'hooks-'))
const machine = join(folder, 'machine')
const program = await openDriverProgram(resolve(import.meta.dirname, 'flotilla-driver-hooks'), {
  env: process.env,
  clock: systemClock,
})
afterAll(async () => {
  await program.close()
  rmSync(folder, { recursive: true, force: true })
})

const on = `echo switching on >&2; echo on >'${machine}'`
const off = `test -e '${machine}' && echo off >'${machine}'`

testDriver(program, {
  options: () => ({
    'hooks-create': on,
    'hooks-start': on,
    'hooks-stop': off,
    'hooks-remove': `rm -f '${machine}'`,
    'hooks-state': `case $(cat '${machine}' 2>/dev/null) in on) echo Running ;; off) echo Stopped ;; esac`,
    'hooks-address': '192.0.2.7',
  }),
  refused: [
    [{ 'hooks-state': '' }, /requires the --hooks-state option/],
    [{ 'hooks-address': '' }, /requires the --hooks-address or the --hooks-url option/],
  ],
  isLive: true,
  canSwitch: true,
})
