import type { Session } from 'node:inspector'
import { FlotillaError, toError, toMessage } from '../core/errors.ts'
import type { Clock } from '../core/clock.ts'

/** What can be recorded: `cpu` where time goes, `heap` who allocates what stays. */
export type ProfileKind = 'cpu' | 'heap'

const domains = {
  cpu: { enable: 'Profiler.enable', start: 'Profiler.start', stop: 'Profiler.stop' },
  heap: { enable: 'HeapProfiler.enable', start: 'HeapProfiler.startSampling', stop: 'HeapProfiler.stopSampling' },
} as const

let isRecording = false

/**
 * Records this process for a while, with the runtime's own sampler; it goes on meanwhile.
 *
 * @returns JSON of the kind `.cpuprofile` or `.heapprofile`, for the developer tools of browsers
 * @throws {io/exec} status 409 while another one is recorded, status 501 where the runtime has no sampler
 */
export async function recordProfile(kind: ProfileKind, ms: number, clock: Clock, signal: AbortSignal): Promise<string> {
  if (isRecording) throw new FlotillaError('io/exec', 'another profile is being recorded', { status: 409 })
  isRecording = true
  try {
    const inspector = await import('node:inspector')
    const session = new inspector.Session()
    session.connect()
    try {
      const { enable, start, stop } = domains[kind]
      await post(session, enable)
      await post(session, start)
      await clock.sleep(ms, signal)
      const result = await post(session, stop)
      return JSON.stringify(Reflect.get(result, 'profile'))
    } finally {
      session.disconnect()
    }
  } catch (error) {
    if (signal.aborted) throw error
    const message = `this runtime records no ${kind} profile: ${toMessage(error)}`
    throw new FlotillaError('io/exec', message, { status: 501, cause: error })
  } finally {
    isRecording = false
  }
}

function post(session: Session, method: string): Promise<object> {
  return new Promise((resolve, reject) => {
    session.post(method, (error: Error | null, result?: object) => {
      if (error === null) resolve(result ?? {})
      else reject(toError(error))
    })
  })
}
