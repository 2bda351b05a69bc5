import type { Personality } from '../../cli/personality.ts'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import { renderEndpoint } from '../../engine/endpoint-parse.ts'
import type { Endpoint } from '../../engine/endpoint.ts'

const answered = 'Error response from daemon: '
/** What docker's client counts as nobody being there; github.com/docker/docker client/request.go. */
const nobody = /: (?:connection refused|no such socket|connection timed out)$/

/**
 * An error of the engine in the words of docker's client, which scripts look for. What they leave out is the hint.
 *
 * @returns other errors as they are, also those that carry these words already
 */
export function toDockerWords(error: unknown, endpoint: Endpoint, personality: Personality): unknown {
  if (!isFlotillaError(error) || !error.code.startsWith('engine/')) return error
  const { code, message, status, hint } = error
  if (code === 'engine/unreachable') {
    if (personality.id !== 'docker-compose' || !nobody.test(message)) return error
    const text = `Cannot connect to the Docker daemon at ${renderEndpoint(endpoint)}. Is the docker daemon running?`
    return new FlotillaError(code, text, { cause: error, hint: message })
  }
  if (status === undefined || message.startsWith(answered)) return error
  return new FlotillaError(code, `${answered}${message}`, {
    cause: error,
    status,
    ...(hint !== undefined && { hint }),
  })
}
