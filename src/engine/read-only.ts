import { FlotillaError } from '../core/errors.ts'
import type { Engine } from './engine.ts'

/**
 * The same engine, on which nothing can be changed: what a dry run is given, so that a forgotten question
 * about it fails loudly instead of doing something.
 *
 * Its calls reject with `cli/usage` for every method but GET and HEAD.
 */
export function toReadOnly(engine: Engine): Engine {
  return {
    endpoint: engine.endpoint,
    apiVersion: (o) => engine.apiVersion(o),
    request(request, o) {
      if (request.method === 'GET' || request.method === 'HEAD') return engine.request(request, o)
      return Promise.reject(refuse(request.method, request.path))
    },
    hijack: (request) => Promise.reject(refuse(request.method, request.path)),
    close: () => engine.close(),
  }
}

function refuse(method: string, path: string): FlotillaError {
  return new FlotillaError('cli/usage', `${method} ${path} is not made in a dry run`)
}
