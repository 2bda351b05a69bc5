/**
 * `flotilla/testing`: fakes, builders and the lab of real engines. The conformance suites are in
 * `flotilla/testing/conformance`, because they need vitest.
 */
export { startFakeEngine } from './fake-engine/fake-engine.ts'
export type { FakeEngine } from './fake-engine/fake-engine.ts'
export type {
  FakeEngineOptions,
  FakeFault,
  FakeListen,
  FakeProcess,
  FakeProgram,
  FakeRule,
  RecordedRequest,
} from './fake-engine/options.ts'
export { fakeDriverFactory, fakeMachine } from './fake-driver.ts'
export type { FakeMachine } from './fake-driver.ts'
export { startFaultProxy } from './fault-proxy.ts'
export type { FaultProxy, ProxyFault, ProxyTarget } from './fault-proxy.ts'
export { manualClock } from './manual-clock.ts'
export type { ManualClock } from './manual-clock.ts'
export { memoryKv } from './memory-kv.ts'
export type { MemoryKvServer } from './memory-kv.ts'
export { memoryStore } from './memory-store.ts'
export { makeClaim, makeContainer, makeImage, makeNode, makePending, makeRequest } from './cluster-builders.ts'
export type { RequestSketch } from './cluster-builders.ts'
export { dependsOn, emptyEngine, project, service } from './compose-builders.ts'
export { applyPlan } from './apply-plan.ts'
export { lab } from './lab/lab.ts'
export type {
  Lab,
  LabCertificates,
  LabEngine,
  LabExecOptions,
  LabHost,
  LabOptions,
  LabOutput,
  LabService,
  LabSsh,
  LabStore,
} from './lab/types.ts'
