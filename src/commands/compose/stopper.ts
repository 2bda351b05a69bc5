import type { Context } from '../../cli/command.ts'
import { execute } from '../../compose/execute.ts'
import type { HookOutput } from '../../compose/execute/hook.ts'
import type { Project } from '../../compose/model/project.ts'
import { observeContainers } from '../../compose/observe.ts'
import { rosterOfProject } from '../../compose/plan/dependency.ts'
import type { Roster } from '../../compose/plan/dependency.ts'
import { planVerb } from '../../compose/plan/verbs.ts'
import type { Verb } from '../../compose/plan/verbs.ts'
import type { Session } from './session.ts'

/** Ends the containers of an attached `up`. */
export interface Stopper {
  /** Stops in reverse dependency order; resolves when all have stopped, also when they were killed meanwhile. */
  stop(): Promise<void>
  /** Kills what still runs, at once. */
  kill(): void
}

export function makeStopper(
  ctx: Context,
  session: Session,
  project: Project,
  services: ReadonlySet<string>,
  timeoutSeconds: number | undefined,
  hookOutput: (output: HookOutput) => void,
): Stopper {
  let killing: Promise<void> | undefined

  async function look(): Promise<Roster> {
    const containers = await observeContainers(session.engine, project.name)
    const ordinary = containers.filter((container) => !container.isOneOff)
    return rosterOfProject(project, { containers: ordinary, networks: [], volumes: [], images: {} })
  }
  async function perform(verb: Verb): Promise<void> {
    const plan = planVerb(verb, await look(), [...services])
    const { engine, progress, parallel } = session
    await execute(plan, engine, { clock: ctx.clock, progress, parallel, hookOutput })
  }
  return {
    async stop() {
      try {
        await perform({ kind: 'stop', ...(timeoutSeconds !== undefined && { timeoutSeconds }) })
      } catch (error) {
        // A container that was killed while it was being stopped is what the user asked for.
        if (killing === undefined) throw error
      }
      await killing
    },
    kill() {
      killing ??= perform({ kind: 'kill', signal: 'SIGKILL' }).catch(() => {})
    },
  }
}
