import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { observeService } from '../../compose/observe.ts'
import { isAlive } from '../../compose/plan/observed.ts'
import type { ObservedContainer } from '../../compose/plan/observed.ts'
import type { Session } from './session.ts'

/** Which container of a service is meant. */
export interface Wanted {
  readonly project: string
  readonly service: string
  /** `--index`; absent or 0: the first. */
  readonly index?: number | undefined
  /** Stopped ones will do. */
  readonly isStoppedFine?: boolean
}

/**
 * The container of a service with the number asked for, else that with the lowest; one-off ones come last.
 *
 * @throws {compose/not-found} in the words of the reference program
 */
export async function findContainer(ctx: Context, session: Session, wanted: Wanted): Promise<ObservedContainer> {
  const { service, index = 0 } = wanted
  const found = (await observeService(session.engine, wanted.project, service, { signal: ctx.signal })).filter(
    (container) => wanted.isStoppedFine === true || isAlive(container),
  )
  // As for the reference program, what is no number of a container is as good as none.
  const container = index <= 0 ? inOrder(found)[0] : found.find((entry) => !entry.isOneOff && entry.number === index)
  if (container !== undefined) return container
  const which = index <= 0 ? '' : ` container #${index}`
  throw new FlotillaError('compose/not-found', `service "${service}" is not running${which}`)
}

/** Ordinary containers by number, then one-off ones. */
export function inOrder(containers: readonly ObservedContainer[]): readonly ObservedContainer[] {
  return [...containers].sort(
    (a, b) => Number(a.isOneOff) - Number(b.isOneOff) || a.number - b.number || (a.name < b.name ? -1 : 1),
  )
}

/** Checks how many words a command was given. @throws {cli/usage} in cobra's words */
export function requireArguments(args: readonly string[], least: number, most: number = Infinity): void {
  if (args.length >= least && args.length <= most) return
  if (most === Infinity) {
    throw new FlotillaError('cli/usage', `requires at least ${least} arg(s), only received ${args.length}`)
  }
  const text =
    least === most ? `accepts ${least} arg(s), received` : `accepts between ${least} and ${most} arg(s), received`
  throw new FlotillaError('cli/usage', `${text} ${args.length}`)
}
