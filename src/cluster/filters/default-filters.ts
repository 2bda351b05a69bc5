import { affinityFilter } from './affinity.ts'
import { constraintFilter } from './constraint.ts'
import { containerslotsFilter } from './containerslots.ts'
import { dependencyFilter } from './dependency.ts'
import type { Filter } from './filter.ts'
import { healthFilter } from './health.ts'
import { portFilter } from './port.ts'
import { whitelistFilter } from './whitelist.ts'

/** All built-in filters in the order they are asked unless the manager is told otherwise. */
export const defaultFilters: readonly Filter[] = [
  healthFilter,
  portFilter,
  containerslotsFilter,
  dependencyFilter,
  affinityFilter,
  constraintFilter,
  whitelistFilter,
]
