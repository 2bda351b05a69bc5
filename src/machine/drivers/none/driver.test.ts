import { expect, it } from 'vitest'
import { testDriver } from '../../../../test/conformance/driver.ts'
import { silentLog } from '../../../core/log.ts'
import { manualClock } from '../../../testing/manual-clock.ts'
import { noneFactory } from './driver.ts'
import { descriptor } from './index.ts'

testDriver(descriptor, {
  options: () => ({ url: 'tcp://192.0.2.7:2375' }),
  refused: [[{ url: '' }, /^--url option is required when no driver is selected$/]],
  isLive: true,
  canSwitch: false,
})

it('the address is the host of the URL with its port, as docker-machine prints it', async () => {
  const ctx = {
    machineName: 'a',
    storePath: '/s',
    machinePath: '/s/machines/a',
    log: silentLog,
    clock: manualClock(),
    random: { next: () => 0 },
    env: {},
  }
  const addressOf = async (url: string): Promise<string> =>
    noneFactory.create(ctx, await noneFactory.configure(ctx, { url })).address({})
  expect(await addressOf('tcp://127.0.0.1:2376')).toBe('127.0.0.1:2376')
  expect(await addressOf('https://user:pw@host.example/path')).toBe('host.example')
  expect(await addressOf('unix:///var/run/docker.sock')).toBe('')
  expect(await addressOf('anything goes')).toBe('')
})
