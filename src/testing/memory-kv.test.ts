import { testKv } from '../../test/conformance/kv.ts'
import { testLeader } from '../../test/conformance/leader.ts'
import { makeKvLeader } from '../cluster/leader/kv-lock.ts'
import { silentLog } from '../core/log.ts'
import { systemClock } from '../io/clock.ts'
import { memoryKv } from './memory-kv.ts'

testKv('memory', async () => {
  const server = memoryKv()
  return await Promise.resolve({ connect: () => server.connect(), lockTtlMs: 6000 })
})

testLeader('memory', async () => {
  const server = memoryKv()
  const context = { key: 'docker/swarm/leader', ttlMs: 6000, clock: systemClock, log: silentLog }
  return await Promise.resolve({
    make: () => Promise.resolve(makeKvLeader({ kv: server.connect(), ...context })),
  })
})
