import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'
import { systemClock } from '../../src/io/clock.ts'
import { pollUntil, readIdentity } from '../../src/io/process-identity.ts'
import { descriptor } from '../../src/machine/drivers/local/index.ts'
import { readText } from '../../src/machine/driver.ts'
import { testDriver } from '../conformance/driver.ts'

/** The conformance suite on real hosts; without root on Linux only its part that needs none. */

const folder = mkdtempSync(join(tmpdir(), 'driver-local-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

testDriver(descriptor, {
  options: () => ({ 'local-subnet': '10.214.30.0/24' }),
  refused: [
    [{ 'local-subnet': 'nonsense' }, /subnet|nonsense/i],
    [{ 'local-memory': 3 }, /^--local-memory 3 is too little/],
    [{ 'local-cpus': 'x' }, /^--local-cpus "x" is no list of CPUs/],
  ],
  isLive: process.getuid?.() === 0 && process.platform === 'linux',
  needs: 'root on Linux',
  canSwitch: true,
  env: { FLOTILLA_LOCAL_DIR: folder },
  endOutside: async (config) => {
    const path = join(readText(config, 'Directory'), 'hosts', readText(config, 'IPAddress'), 'host.json')
    const record = JSON.parse(readFileSync(path, 'utf8')) as { first: { pid: number } }
    process.kill(record.first.pid, 'SIGKILL')
    expect(await pollUntil(async () => (await readIdentity(record.first.pid)) === undefined, 30_000, systemClock)).toBe(
      true,
    )
  },
})
