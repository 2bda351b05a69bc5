import { expect, it } from 'vitest'
import { systemEnv } from './system-env.ts'

it.each([
  ['/usr/bin:/bin', '/usr/bin:/bin:/usr/sbin:/sbin'],
  ['/opt/bin:/usr/sbin:/usr/bin', '/opt/bin:/usr/sbin:/usr/bin:/sbin'],
  ['', '/usr/bin:/bin:/usr/sbin:/sbin'],
  [undefined, '/usr/bin:/bin:/usr/sbin:/sbin'],
])('programs of the system are found with the PATH %j', (PATH, wanted) => {
  expect(systemEnv({ PATH, LANG: 'C' })).toEqual({ PATH: wanted, LANG: 'C' })
})
