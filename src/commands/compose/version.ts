import type { Run } from '../../cli/command.ts'
import { composeVersion, dockerCompose } from '../../cli/personality.ts'
import { refuseArgs } from './no-args.ts'
import type { versionFlags } from './version-table.ts'

/** `docker compose version`: the release whose behaviour this program has, as scripts compare it. */
export const run: Run<typeof versionFlags> = async (ctx, flags, args) => {
  refuseArgs(args, 'version')
  if (flags.short) ctx.stdout.write(`${composeVersion}\n`)
  else if (flags.format === 'json') ctx.stdout.write(`${JSON.stringify({ version: `v${composeVersion}` })}\n`)
  else ctx.stdout.write(`${dockerCompose.versionText}\n`)
}
