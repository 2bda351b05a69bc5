import { expect, it } from 'vitest'
import { manualClock } from '../testing/manual-clock.ts'
import type { Driver, SshTarget } from './driver.ts'
import { isAddressOnly } from './provision/provision-host.ts'
import { checkSshTarget, waitForSshTarget } from './ssh-target.ts'

/** Of a driver only the shell is asked for here. */
function driverWith(ssh: Driver['ssh']): Driver {
  return { ssh } as Driver
}

const target: SshTarget = { host: 'h', port: 22, user: 'root' }

it('waits for a shell whose place is not known yet', async () => {
  const clock = manualClock()
  const answers = [Promise.reject(new Error('no lease')), Promise.resolve({ ...target, host: '' }), target]
  for (const answer of answers) Promise.resolve(answer).catch(() => {})
  const found = waitForSshTarget(
    driverWith(() => answers.shift()),
    clock,
    {},
  )
  await clock.advance(3000)
  await clock.advance(3000)
  expect(await found).toEqual(target)
})

it('says after three minutes what the driver said last', async () => {
  const clock = manualClock()
  const driver = driverWith(() => Promise.reject(new Error('no lease')))
  const found = waitForSshTarget(driver, clock, {}).catch((error: unknown) => error)
  for (let at = 0; at < 61; at += 1) await clock.advance(3000)
  expect(await found).toMatchObject({
    message: 'Too many retries waiting for SSH to be available.  Last error: no lease',
  })
})

it('a machine without a shell is only an address; one whose shell is not known yet is not', async () => {
  expect(
    await waitForSshTarget(
      driverWith(() => undefined),
      manualClock(),
      {},
    ),
  ).toBeUndefined()
  expect(
    await isAddressOnly(
      driverWith(() => undefined),
      {},
    ),
  ).toBe(true)
  expect(
    await isAddressOnly(
      driverWith(() => Promise.reject(new Error('no lease'))),
      {},
    ),
  ).toBe(false)
})

it('what ssh would take for an option or a line of its configuration is no address, user or key', () => {
  for (const good of [target, { ...target, host: '2001:db8::1', user: 'DOM\\ada', keyPath: '/a b/%h.pem' }]) {
    expect(() => checkSshTarget(good)).not.toThrow()
  }
  for (const bad of [
    { ...target, host: '-oProxyCommand=touch /tmp/x' },
    { ...target, host: 'h\n  ProxyCommand touch /tmp/x' },
    { ...target, user: '-v' },
    { ...target, user: 'root\nProxyCommand x' },
    { ...target, keyPath: 'a"\n  ProxyCommand x' },
  ]) {
    expect(() => checkSshTarget(bad)).toThrow('cannot log in over SSH with')
  }
})
