import type { Service } from '../model/service.ts'

/**
 * What services ask for and no engine does for a container that is not part of its swarm. An engine restarts with
 * pauses of its own choice and does not look back over a time; doing it from outside would need a program that stays.
 *
 * @returns one sentence each, in order of services
 */
export function findLeftOut(services: readonly Service[]): readonly string[] {
  return services.flatMap(({ name, deploy }) => {
    const policy = deploy?.restart_policy
    const leftOut = (field: string, reason: string): string =>
      `deploy.restart_policy.${field} of service "${name}" is left out: ${reason}`
    const unknown = (['delay', 'window'] as const).filter((field) => (policy?.[field] ?? 0) !== 0)
    const isUncounted = policy?.condition !== 'on-failure' && (policy?.max_attempts ?? 0) > 0
    return [
      ...unknown.map((field) => leftOut(field, 'engines do not know it')),
      ...(isUncounted ? [leftOut('max_attempts', 'engines count attempts after failures only')] : []),
    ]
  })
}
