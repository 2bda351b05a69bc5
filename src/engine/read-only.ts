import { FlotillaError } from '../core/errors.ts'
import type { Engine, EngineRequest } from './engine.ts'

/**
 * The same engine, on which nothing can be changed: what a dry run is given, so that a forgotten question
 * about it fails loudly instead of doing something.
 *
 * Its calls reject with `cli/usage` for every method but GET and HEAD, and for every POST but that which waits for the
 * end of a container.
 */
export function toReadOnly(engine: Engine): Engine {
  return {
    endpoint: engine.endpoint,
    apiVersion: (o) => engine.apiVersion(o),
    request(request, o) {
      if (isHarmless(request)) return engine.request(request, o)
      return Promise.reject(refuse(request.method, request.path))
    },
    hijack: (request) => Promise.reject(refuse(request.method, request.path)),
    close: () => engine.close(),
  }
}

function isHarmless({ method, path }: EngineRequest): boolean {
  return method === 'GET' || method === 'HEAD' || (method === 'POST' && /^\/containers\/[^/]+\/wait$/.test(path))
}

function refuse(method: string, path: string): FlotillaError {
  return new FlotillaError('cli/usage', `${method} ${path} is not made in a dry run`)
}
