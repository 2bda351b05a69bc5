import type { ContainerRef } from '../plan.ts'
import type { UpdatePolicy } from './policy.ts'

/** The exchange of a service's containers, batch by batch, as part of a plan. */
export interface Rollout {
  readonly service: string
  readonly policy: UpdatePolicy
  readonly rollback: UpdatePolicy
  /** Most containers that may fail before the update as a whole counts as failed. */
  readonly tolerated: number
  /** Batches in their order. */
  readonly batches: readonly (readonly RolloutMember[])[]
  /** Of these containers so many run when the update begins. */
  readonly running: number
}

/** One container that is exchanged, and the steps that do it. */
export interface RolloutMember {
  /** Its name before and after. */
  readonly name: string
  readonly old: ContainerRef & { readonly kind: 'existing' }
  readonly wasAlive: boolean
  /** It does not run since an earlier update, which was cut short, has stopped it. */
  readonly isDown?: boolean
  /** The successor: made by this plan, or left over from an earlier one. */
  readonly successor: ContainerRef
  /** Step that stops the old one; absent when it does not run. */
  readonly stop?: number
  /** Step that removes the old one: from then on there is no way back. */
  readonly remove: number
}

/** What a step of a rollout is about: its failure means that this container's exchange failed. */
export interface Trial {
  readonly service: string
  readonly container: string
}
