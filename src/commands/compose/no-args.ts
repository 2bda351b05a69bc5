import { FlotillaError } from '../../core/errors.ts'

/**
 * For commands that take no arguments.
 *
 * @throws {cli/usage} in the words of docker-compose 2.40
 */
export function refuseArgs([first]: readonly string[], command: string): void {
  if (first === undefined) return
  throw new FlotillaError('cli/usage', `unknown command ${JSON.stringify(first)} for "docker compose ${command}"`)
}
