import { availableParallelism } from 'node:os'
import { expect, it } from 'vitest'
import type { Context } from '../../cli/command.ts'
import type { Endpoint } from '../../engine/endpoint.ts'
import { systemClock } from '../../io/clock.ts'
import { readChanging } from './change-pace.ts'

function makeContext(env: Context['env'], parallel?: number): Context {
  const globals = { parallel: parallel ?? -1, given: (name: string) => name === 'parallel' && parallel !== undefined }
  return { env, globals, clock: systemClock } as unknown as Context
}

const here: Endpoint = { kind: 'unix', path: '/run/docker.sock' }
const there: Endpoint = { kind: 'tcp', host: '127.0.0.1', port: 2375 }

it('changes at once are bounded where the engine has the processors of this machine, unless the user says how many calls', () => {
  expect(readChanging(makeContext({}), here)?.()).toBe(4 * Math.max(2, availableParallelism()))
  expect(readChanging(makeContext({}), there)).toBeUndefined()
  expect(readChanging(makeContext({}, 64), here)).toBeUndefined()
  expect(readChanging(makeContext({ COMPOSE_PARALLEL_LIMIT: '64' }), here)).toBeUndefined()
})
