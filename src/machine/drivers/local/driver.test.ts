import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '../../../core/log.ts'
import { systemClock } from '../../../io/clock.ts'
import { systemRandom } from '../../../io/random.ts'
import type { DriverContext, DriverOptions } from '../../driver.ts'
import { descriptor } from './index.ts'
import { localFactory } from './driver.ts'

describe.runIf(process.platform === 'linux')('driver local (Linux)', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'local-driver-'))
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  function context(): DriverContext {
    const machinePath = join(folder, 'machines', 'a')
    const env = { FLOTILLA_LOCAL_DIR: join(folder, 'state') }
    return {
      machineName: 'a',
      storePath: folder,
      machinePath,
      log: silentLog,
      clock: systemClock,
      random: systemRandom,
      env,
    }
  }
  const defaults: DriverOptions = Object.fromEntries(
    Object.entries(descriptor.flags).map(([name, flag]) => [name, flag.default ?? false]),
  )

  it('the defaults of its flags make a state with the base fields first', async () => {
    const config = await localFactory.configure(context(), defaults)
    expect(Object.keys(config).slice(0, 9)).toEqual([
      'IPAddress',
      'MachineName',
      'SSHUser',
      'SSHPort',
      'SSHKeyPath',
      'StorePath',
      'SwarmMaster',
      'SwarmHost',
      'SwarmDiscovery',
    ])
    expect(config).toMatchObject({
      EngineRoot: 'host',
      MemoryMB: 0,
      Cpus: '',
      Subnet: '10.213.0.0/24',
      Isolated: false,
    })
  })

  it.each([
    [{ 'local-subnet': 'x' }, 'cannot use subnet "x"'],
    [{ 'local-memory': 5 }, '--local-memory 5 is too little'],
    [{ 'local-memory': -1 }, '--local-memory -1 is too little'],
    [{ 'local-cpus': '0-' }, '--local-cpus "0-" is no list of CPUs'],
    [{ 'local-cpus': '0\n1' }, 'is no list of CPUs'],
  ])('refuses %j', async (wrong, message) => {
    await expect(localFactory.configure(context(), { ...defaults, ...wrong })).rejects.toThrow(message)
  })

  it('a machine that was never made has no state, and removing it makes nothing', async () => {
    const driver = localFactory.create(context(), await localFactory.configure(context(), defaults))
    expect(await driver.state({})).toBe('')
    await driver.remove({})
    expect(await driver.address({})).toBe('')
  })

  it('a machine whose host is gone says so', async () => {
    const config = { ...(await localFactory.configure(context(), defaults)), IPAddress: '10.213.0.2', Unknown: 'kept' }
    const driver = localFactory.create(context(), config)
    expect(await driver.state({})).toBe('Error')
    await expect(driver.start({})).rejects.toThrow(/host "a" is no longer in .*state/)
    await expect(driver.engineUrl({})).rejects.toThrow(/host "a" is no longer in .*state/)
    expect(driver.toConfig()['Unknown']).toBe('kept')
  })
})
