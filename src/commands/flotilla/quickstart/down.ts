import { rm } from 'node:fs/promises'
import type { Run } from '../../../cli/command.ts'
import type { quickstartFlags } from '../table.ts'
import { machineWords, removeHosts, runOwnChecked } from './hosts.ts'
import { stopManager } from './manager.ts'
import { placeAt, readQuickstart, say } from './place.ts'

/** Takes everything away; what is gone already is no error, so it can be run after a crash and twice. */
export const run: Run<typeof quickstartFlags> = async (ctx, flags) => {
  const place = placeAt(flags['state-dir'])
  const record = await readQuickstart(place)
  if (record === undefined) {
    say(ctx, 'nothing is running')
    return
  }
  if (record.manager !== undefined) {
    await stopManager(ctx, place, record.manager)
    say(ctx, 'the endpoint is stopped')
  }
  const listed = (await runOwnChecked(ctx, machineWords(place, ['ls', '-q']))).split('\n').filter((name) => name !== '')
  await removeHosts(ctx, place, listed)
  await rm(place.folder, { recursive: true, force: true })
}
