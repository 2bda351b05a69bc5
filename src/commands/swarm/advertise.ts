import { FlotillaError } from '../../core/errors.ts'

/**
 * Checks an address that others are told: it must be one they can use.
 * @throws {cluster/invalid-option} in the words of the ancestor (classicswarm cli/join.go)
 */
export function checkAdvertise(text: string): void {
  const match = /^(?:\[[0-9a-fA-F:.]+(?:%[\w.-]+)?\]|[^\s:[\]/]+):(\d{1,5})$/.exec(text)
  const port = Number(match?.[1] ?? '0')
  if (port < 1 || port > 65_535) {
    throw new FlotillaError('cluster/invalid-option', '--advertise should be of the form ip:port or hostname:port')
  }
}
