import type { Context } from '../../cli/command.ts'
import { checkBuild } from '../../compose/build/build-image.ts'
import type { Project } from '../../compose/model/project.ts'
import type { Plan } from '../../compose/plan/plan.ts'
import { makeBuildHost } from './build-host.ts'
import type { Session } from './session.ts'

/** `build --check`: what the builder has to say about each Dockerfile. @returns 1 when there is something */
export async function checkDockerfiles(
  ctx: Context,
  session: Session,
  project: Project,
  plan: Plan,
  builder = '',
): Promise<number> {
  const host = makeBuildHost(ctx, session, project, { builder })
  await host.begin?.()
  let code = 0
  for (const { op } of plan.steps) {
    if (op.kind !== 'build-image') continue
    const text = await checkBuild(session.engine, op.build, host, { signal: ctx.signal })
    ctx.stdout.write(`${op.build.service}: ${text === '' ? 'Check complete, no warnings found.' : `\n${text}`}\n`)
    if (text !== '') code = 1
  }
  return code
}
