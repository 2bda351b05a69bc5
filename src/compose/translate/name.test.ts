import { expect, it } from 'vitest'
import { toLogName } from './name.ts'

it.each([
  ['p-web-1', 'web-1'],
  ['p_web_12', 'web_12'],
  // Custom names, which may begin like others.
  ['p-web', 'p-web'],
  ['p-other-1', 'p-other-1'],
  ['p-web-main', 'p-web-main'],
  ['web-1', 'web-1'],
])('in logs a container %s of service web stands as %s', (name, label) => {
  expect(toLogName('p', 'web', name)).toBe(label)
})
