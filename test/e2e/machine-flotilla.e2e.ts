import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

/** `flotilla machine` is docker-machine under another name: same lines, and advice that says what was typed. */

describe.each(programForms)('flotilla machine ($name)', (form) => {
  let folder: string
  beforeAll(() => {
    ensurePrograms()
    folder = mkdtempSync(join(tmpdir(), 'machine-flotilla-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function machine(args: readonly string[]): Promise<RunResult> {
    return form.run('flotilla', ['machine', '-s', join(folder, 'store'), ...args])
  }

  it('says what it does in bare lines on stdout, and what comes next', async () => {
    const made = await machine(['create', '--driver', 'none', '--url', 'tcp://127.0.0.1:1', 'one'])
    const certs = join(folder, 'store', 'certs')
    expect(made).toMatchObject({ code: 0, stderr: '' })
    expect(made.stdout).toBe(
      [
        `Creating CA: ${certs}/ca.pem`,
        `Creating client certificate: ${certs}/cert.pem`,
        'Running pre-create checks...',
        'Creating machine...',
        'To see how to connect your Docker Client to the Docker Engine running on this virtual machine, run: flotilla machine env one',
        '',
      ].join('\n'),
    )
  })

  it('its errors give advice in the words that were typed', async () => {
    expect(await machine(['url', 'two'])).toMatchObject({
      code: 1,
      stderr:
        'flotilla: Docker machine "two" does not exist. Use "flotilla machine ls" to list machines. Use "flotilla machine create" to add a new one.\n',
    })
    const refused = await machine(['env', 'one'])
    expect(refused.stdout).toBe('')
    expect(refused.stderr).toContain("regenerate them using 'flotilla machine regenerate-certs [name]'.")
    expect((await machine(['create', '--help'])).stdout).toContain(
      "'flotilla machine create --driver NAME --help' lists the flags",
    )
  })

  it('docker-machine keeps its own words, and a bad variable is all it speaks of', async () => {
    const store = join(folder, 'store')
    const url = await form.run('docker-machine', ['-s', store, 'url', 'two'])
    expect(url.stderr).toBe(
      'Docker machine "two" does not exist. Use "docker-machine ls" to list machines. Use "docker-machine create" to add a new one.\n',
    )
    expect(await form.run('docker-machine', ['-s', store, 'ls'], { env: { MACHINE_DEBUG: 'zzz' } })).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'Error parsing boolean value from MACHINE_DEBUG: strconv.ParseBool: parsing "zzz": invalid syntax\n',
    })
    expect(await form.run('flotilla', ['machine', '--version'])).toMatchObject({
      stdout: expect.stringMatching(/^docker-machine version 0\.16\.2, build /),
    })
  })
})
