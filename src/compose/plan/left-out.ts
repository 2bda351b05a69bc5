import type { Service } from '../model/service.ts'

/**
 * What services ask for and no engine does for a container that is not part of its swarm. An engine restarts with
 * pauses of its own choice and does not look back over a time; doing it from outside would need a program that stays.
 *
 * @returns one sentence each, in order of services
 */
export function findLeftOut(services: readonly Service[]): readonly string[] {
  return services.flatMap((service) => {
    const policy = service.deploy?.restart_policy
    return (['delay', 'window'] as const)
      .filter((field) => (policy?.[field] ?? 0) !== 0)
      .map((field) => `deploy.restart_policy.${field} of service "${service.name}" is left out: engines do not know it`)
  })
}
