import type { Dictionary } from '../model/dictionary.ts'
import type { Materials } from '../model/material.ts'
import type { NameSeparator } from '../translate/name.ts'
import type { OneOff } from './one-off.ts'

/** When a container is replaced: if it differs from what is wanted, always, or never. */
export type RecreatePolicy = 'diverged' | 'force' | 'never'

/** What `up` and `create` were asked to do. */
export interface ReconcileOptions {
  /** Services named by the user; empty means all. Their dependencies come along. */
  readonly services: readonly string[]
  /** Leave out the dependencies of the named services. */
  readonly withoutDependencies: boolean
  /** Service → number of containers, over what the file says. */
  readonly scale: Dictionary<number>
  readonly recreate: RecreatePolicy
  /** For services that are in play only as dependencies. */
  readonly recreateDependencies: RecreatePolicy
  readonly orphans: 'warn' | 'remove' | 'ignore'
  /** New anonymous volumes in place of those of the replaced container. */
  readonly renewAnonymousVolumes: boolean
  /** New containers take the lowest free numbers; otherwise those after the highest, as the reference program. */
  readonly lowestNumbers?: boolean
  /** Containers of docker-compose 1 are replaced even when they are what the file asks for. */
  readonly replaceClassic?: boolean
  /** False: create only. */
  readonly start: boolean
  /** What a service that runs depends on is awaited again: the plan has waits where nothing is changed. */
  readonly awaitsAgain?: boolean
  /** Grace of stops; absent: the container's own. */
  readonly timeoutSeconds?: number
  /** Its service gets this container and is otherwise left alone. */
  readonly oneOff?: OneOff
  /** What configs and secrets hold; absent: nothing is known of it. */
  readonly materials?: Materials
  readonly separator: NameSeparator
  /** The engine's, `1.41`. */
  readonly apiVersion: string
  /** The endpoint places containers on one of many engines. */
  readonly isCluster: boolean
  /** Answers to earlier questions by their id. */
  readonly answers: Readonly<Record<string, boolean>>
}

/** A plain `up -d` on one engine. */
export const defaultReconcileOptions: ReconcileOptions = {
  services: [],
  withoutDependencies: false,
  scale: {},
  recreate: 'diverged',
  recreateDependencies: 'diverged',
  orphans: 'warn',
  renewAnonymousVolumes: false,
  start: true,
  separator: '-',
  apiVersion: '1.44',
  isCluster: false,
  answers: {},
}
