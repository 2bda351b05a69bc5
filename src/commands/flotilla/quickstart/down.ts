import { rm } from 'node:fs/promises'
import type { Context, Run } from '../../../cli/command.ts'
import { fileStore } from '../../../machine/store-files.ts'
import type { quickstartFlags } from '../table.ts'
import { removeHosts } from './hosts.ts'
import { stopManager } from './manager.ts'
import type { Place } from './place.ts'
import { placeAt, readQuickstart, say, withQuickstart } from './place.ts'

/** Takes everything away; what is gone already is no error, so it can be run after a crash and twice. */
export const run: Run<typeof quickstartFlags> = async (ctx, flags) => {
  const place = placeAt(ctx, flags['state-dir'])
  if ((await readQuickstart(place)) === undefined) {
    say(ctx, 'nothing is running')
    return
  }
  await withQuickstart(ctx, place, () => takeAway(ctx, place))
}

async function takeAway(ctx: Context, place: Place): Promise<void> {
  const record = await readQuickstart(place)
  if (record?.manager !== undefined) {
    await stopManager(ctx, place, record.manager)
    say(ctx, 'the endpoint is stopped')
  }
  // Those whose record cannot be read too.
  await removeHosts(ctx, place, await fileStore(place.store, ctx.clock).list())
  await rm(place.folder, { recursive: true, force: true })
}
