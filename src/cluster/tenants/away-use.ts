import type { ContainerRecord } from '../reschedule/record.ts'
import { parseCreate } from '../request.ts'
import { readFields, readText } from '../wire.ts'
import { TENANT_LABEL } from './owner.ts'
import { toUse } from './quota.ts'
import type { ContainerUse } from './quota.ts'

/** What a tenant's recorded containers take up, by swarm ID. What cannot be read counts as a container of no size. */
export function listAwayUse(tenant: string, records: readonly ContainerRecord[]): ReadonlyMap<string, ContainerUse> {
  const uses = new Map<string, ContainerUse>()
  for (const { body, swarmId } of records) {
    if (readText(readFields(body, 'Labels'), TENANT_LABEL) === tenant) uses.set(swarmId, readUse(body))
  }
  return uses
}

/** Where it may go does not matter. */
const matchNothing = () => (): boolean => false

function readUse(body: ContainerRecord['body']): ContainerUse {
  try {
    return toUse(parseCreate('', body, matchNothing, () => '').request)
  } catch {
    return { nanoCpus: 0, memoryBytes: 0, ports: 0 }
  }
}
