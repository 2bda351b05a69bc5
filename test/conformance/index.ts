/**
 * `flotilla/testing/conformance`: what every implementation of an interface has to do, as vitest suites. Call one inside
 * a test file. Needs `vitest` (and `fast-check` for filters and strategies), which the package does not install.
 */
export { testDiscovery } from './discovery.ts'
export type { DiscoveryFixture } from './discovery.ts'
export { defaultOptions, testDriver } from './driver.ts'
export type { DriverTrial } from './driver.ts'
export { testEngine } from './engine.ts'
export type { EngineUnderTest } from './engine.ts'
export { testFilter } from './filter.ts'
export { testKv } from './kv.ts'
export type { KvTrial } from './kv.ts'
export { testLeader } from './leader.ts'
export type { LeaderTrial } from './leader.ts'
export { makeHost, testStore } from './store.ts'
export { testStrategy } from './strategy.ts'
