import { FlotillaError } from '../../../core/errors.ts'
import type { UpdateConfig } from '../../model/deploy.ts'
import type { Service } from '../../model/service.ts'

/** Whether the successor starts before its predecessor stops. */
export type UpdateOrder = 'start-first' | 'stop-first'

/** How the containers of a service are exchanged. */
export interface UpdatePolicy {
  readonly order: UpdateOrder
  /** Most containers exchanged at once; `Infinity` for all. */
  readonly parallelism: number
  /** Milliseconds between two batches. */
  readonly delayMs: number
  /** Milliseconds a container without a health check has to run before it counts as good. */
  readonly monitorMs: number
  readonly failureAction: 'pause' | 'continue' | 'rollback'
  /** Share of the exchanged containers that may fail, 0 to 1. */
  readonly maxFailureRatio: number
  /** A successor takes the aliases of the service only once it is good (`x-aliases: when-ready`). */
  readonly movesAliases: boolean
}

const nanosPerMs = 1e6
/** What swarm mode monitors when nothing is said (docs.docker.com, compose file reference, `update_config`). */
const defaultMonitorMs = 5000

/**
 * What `deploy.update_config` asks for; nothing when the service has none: it is exchanged all at once, as always.
 *
 * @throws {compose/plan} naming the service and the value that is not known
 */
export function readUpdatePolicy(service: Service): UpdatePolicy | undefined {
  const config = service.deploy?.update_config
  return config === undefined ? undefined : readPolicy(service, config, 'update_config', 'stop-first')
}

/** What `deploy.rollback_config` asks for. Its order is that of the update unless it says otherwise. */
export function readRollbackPolicy(service: Service, update: UpdatePolicy): UpdatePolicy {
  const policy = readPolicy(service, service.deploy?.rollback_config ?? {}, 'rollback_config', update.order)
  if (policy.failureAction === 'rollback') throw unknownValue(service, 'rollback_config.failure_action', 'rollback')
  return policy
}

function readPolicy(service: Service, config: UpdateConfig, section: string, order: UpdateOrder): UpdatePolicy {
  const action = config.failure_action ?? 'pause'
  if (action !== 'pause' && action !== 'continue' && action !== 'rollback') {
    throw unknownValue(service, `${section}.failure_action`, action)
  }
  const wanted: string = config.order ?? order
  if (wanted !== 'start-first' && wanted !== 'stop-first') throw unknownValue(service, `${section}.order`, wanted)
  const ratio = config.max_failure_ratio ?? 0
  if (!(ratio >= 0 && ratio <= 1)) throw unknownValue(service, `${section}.max_failure_ratio`, String(ratio))
  const parallelism = config.parallelism ?? 1
  return {
    order: wanted,
    parallelism: parallelism < 1 ? Number.POSITIVE_INFINITY : parallelism,
    delayMs: Math.round((config.delay ?? 0) / nanosPerMs),
    monitorMs: config.monitor === undefined ? defaultMonitorMs : Math.round(config.monitor / nanosPerMs),
    failureAction: action,
    maxFailureRatio: ratio,
    movesAliases: readAliases(service, config, section),
  }
}

function readAliases(service: Service, config: UpdateConfig, section: string): boolean {
  const value = config['x-aliases']
  if (value === undefined || value === 'at-start') return false
  if (value === 'when-ready') return true
  throw unknownValue(service, `${section}.x-aliases`, value)
}

function unknownValue(service: Service, field: string, value: unknown): FlotillaError {
  return new FlotillaError(
    'compose/plan',
    `service "${service.name}": deploy.${field} cannot be ${JSON.stringify(value)}`,
  )
}
