import type { Service } from '../model/service.ts'
import { isLegacyBridge } from '../translate.ts'
import type { ObservedContainer } from './observed.ts'
import type { RecreatePolicy } from './options.ts'
import type { ServiceSlots } from './slot.ts'

/**
 * On the default bridge engines keep links to containers, not to names: when one of those goes, the other cannot start again
 * (docker-compose 1 replaced it, 2.40 leaves it stopped).
 *
 * @param decided what becomes of the services it depends on
 * @returns why it has to be replaced; undefined when its links hold
 */
export function brokenLink(
  { state, createdAtMs }: ObservedContainer,
  service: Service,
  policy: RecreatePolicy,
  decided: ReadonlyMap<string, ServiceSlots>,
): string | undefined {
  if (policy === 'never' || !isLegacyBridge(service)) return undefined
  const linked = (service.links ?? []).map((link) => link.split(':')[0] ?? '')
  return linked
    .map((name) => {
      const slots = decided.get(name)?.slots ?? []
      if (slots.some(({ action }) => action === 'recreate')) return `container of ${name} is replaced`
      const isLater = slots.some(({ container }) => container !== undefined && container.createdAtMs > createdAtMs)
      return isLater && state !== 'running' ? `container of ${name} was replaced` : undefined
    })
    .find((cause) => cause !== undefined)
}
