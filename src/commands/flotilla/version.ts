import process from 'node:process'
import type { Run } from '../../cli/command.ts'
import { composeVersion, dockerMachine, flotilla, swarm } from '../../cli/personality.ts'
import { programCommit, programVersion } from '../../core/program.ts'
import type { versionFlags } from './table.ts'

/** `flotilla version`: our version and whose behaviour the other names have. */
export const run: Run<typeof versionFlags> = async (ctx, flags) => {
  if (flags.format === 'json') {
    const runtime =
      process.versions['bun'] === undefined ? `node ${process.versions.node}` : `bun ${process.versions['bun']}`
    ctx.stdout.write(
      `${JSON.stringify({ version: programVersion, commit: programCommit(), runtime, platform: `${process.platform}/${process.arch}` })}\n`,
    )
    return
  }
  ctx.stdout.write(`${flotilla.versionText}\n`)
  ctx.stdout.write(
    `follows docker-machine ${dockerMachine.version.split(',')[0] ?? ''}, swarm ${swarm.version.split(' ')[0] ?? ''}, docker-compose ${composeVersion}\n`,
  )
}
