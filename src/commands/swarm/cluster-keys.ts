import { FlotillaError } from '../../core/errors.ts'
import { findNearest } from '../../core/suggest.ts'

/** Keys of `--cluster-opt`; those of limits have a table of their own. */
export const clusterKeys: readonly string[] = [
  'swarm.access',
  'swarm.audit',
  'swarm.audit.required',
  'swarm.audit.size',
  'swarm.createretry',
  'swarm.distribution',
  'swarm.overcommit',
  'swarm.overlay',
  'swarm.overlay.pool',
  'swarm.overlay.port',
  'swarm.overlay.subnetsize',
  'swarm.ports',
  'swarm.ports.address',
  'swarm.ports.range',
  'swarm.remember',
  'swarm.reschedule.observers',
  'swarm.reschedule.volumes',
  'swarm.wait',
]

/**
 * A manager that ignored `swarm.acces=FILE` would let everybody do everything. Keys that do not begin with `swarm.` are
 * ignored, as in the ancestor: scripts may still have those of its other cluster drivers.
 *
 * @param values of `--cluster-opt`
 * @throws {cluster/invalid-option} for a key of ours that there is not
 */
export function checkClusterKeys(values: readonly string[]): void {
  for (const value of values) {
    const [key = ''] = value.split('=', 1)
    if (!key.startsWith('swarm.') || key.startsWith('swarm.limit.') || clusterKeys.includes(key)) continue
    const nearest = findNearest(key, clusterKeys)
    const hint = nearest === undefined ? 'docs/swarm.md lists them' : `did you mean ${nearest}?`
    throw new FlotillaError('cluster/invalid-option', `there is no cluster option ${key}`, { hint })
  }
}
