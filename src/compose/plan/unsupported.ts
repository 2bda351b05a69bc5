import { FlotillaError } from '../../core/errors.ts'
import type { Service } from '../model/service.ts'

/** What a service may ask for that this version cannot do, with the words that name it. */
const lacking: readonly (readonly [string, (service: Service) => boolean])[] = [
  ['provider', (service) => service.provider !== undefined],
  ['models', (service) => Object.keys(service.models ?? {}).length > 0],
  ['post_start', (service) => (service.post_start ?? []).length > 0],
  ['pre_stop', (service) => (service.pre_stop ?? []).length > 0],
  ['use_api_socket', (service) => service.use_api_socket === true],
  ['credential_spec', (service) => service.credential_spec !== undefined],
]

/**
 * Refuses services that would come up without something they ask for.
 *
 * @throws {compose/unsupported} naming the field and the service
 */
export function checkSupported(services: readonly Service[]): void {
  for (const service of services) {
    const found = lacking.find(([, asks]) => asks(service))
    if (found !== undefined) {
      const [field] = found
      throw new FlotillaError(
        'compose/unsupported',
        `${field} of service "${service.name}" is not supported by this version`,
      )
    }
  }
}
