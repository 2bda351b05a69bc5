import type { CallOptions } from '../../core/call.ts'
import type { Engine, EngineReply } from '../engine.ts'
import { callForShape, plainCallMs } from './call.ts'
import { versions } from './shapes.ts'
import type { EngineInfo, EnginePing, EngineVersion } from './types-resource.ts'

/** Is anybody there, and what does it speak? Asks the engine each time. */
export async function ping(engine: Engine, o?: CallOptions): Promise<EnginePing> {
  const reply = await engine.request(
    { method: 'GET', path: '/_ping', unversioned: true },
    { deadlineMs: plainCallMs, ...o },
  )
  await reply.bytes()
  return toPing(reply.headers)
}

/** The facts that ride on a `_ping` answer; an engine too old to send its version speaks 1.24. */
function toPing(headers: EngineReply['headers']): EnginePing {
  function header(name: string): string {
    const value = headers[name]
    return typeof value === 'string' ? value : ''
  }
  return {
    apiVersion: header('api-version') === '' ? '1.24' : header('api-version'),
    osType: header('ostype'),
    isExperimental: header('docker-experimental') === 'true',
    builderVersion: header('builder-version'),
    swarm: header('swarm'),
  }
}

/** `docker version`: versions of the engine, its API and its parts. */
export function engineVersion(engine: Engine, o?: CallOptions): Promise<EngineVersion> {
  return callForShape(engine, { method: 'GET', path: '/version' }, versions, o)
}

/** `docker info`: what the engine is, runs on and holds. */
export function engineInfo(engine: Engine, o?: CallOptions): Promise<EngineInfo> {
  return callForShape(engine, { method: 'GET', path: '/info' }, {}, o)
}
