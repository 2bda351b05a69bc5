import { expect, it } from 'vitest'
import { toCapabilities } from './capability.ts'

it.each([
  [undefined, []],
  [
    ['sys_time', 'NET_ADMIN', 'chown'],
    ['CAP_CHOWN', 'CAP_NET_ADMIN', 'CAP_SYS_TIME'],
  ],
  [
    ['ALL', 'NET_ADMIN'],
    ['ALL', 'CAP_NET_ADMIN'],
  ],
  [['cap_kill', 'KILL'], ['CAP_KILL']],
  [['all'], ['ALL']],
])('%j is sent as 2.40 does: %j', (written, sent) => {
  expect(toCapabilities(written)).toEqual(sent)
})
