import type { Host } from './host.ts'

/**
 * How far the creation of a machine has come, in a field of its own at the top of the record that is gone when it is complete.
 * docker-machine ignores it.
 */
export type CreationStep = 'driver' | 'provision'

const field = 'UnfinishedStep'

/** The record of a machine whose creation has this step before it. */
export function markStep(host: Host, step: CreationStep): Host {
  return { ...host, extra: { ...host.extra, [field]: step } }
}

/** The record of a machine that is complete. */
export function markComplete(host: Host): Host {
  if (host.extra === undefined || !(field in host.extra)) return host
  const { [field]: _step, ...extra } = host.extra
  const { extra: _extra, ...rest } = host
  return Object.keys(extra).length === 0 ? rest : { ...rest, extra }
}

/** The step that is still to be done; `undefined`: none. */
export function unfinishedStep(host: Host): CreationStep | undefined {
  const step = host.extra?.[field]
  return step === 'driver' || step === 'provision' ? step : undefined
}
