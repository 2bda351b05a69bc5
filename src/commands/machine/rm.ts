import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import { settleLimit } from '../../core/limit.ts'
import type { Store } from '../../machine/store.ts'
import { removeContext } from '../../machine/docker-context.ts'
import { confirm } from './confirm.ts'
import { contextPlace } from './contexts.ts'
import { openMachine, openStore, programWords } from './open-machine.ts'
import type { rmFlags } from './table.ts'

const parallel = 16

/** Removes machines and their records; with force the record goes whatever happens. */
export const run: Run<typeof rmFlags> = async (ctx, flags, args) => {
  if (args.length === 0) {
    ctx.stdout.write(await ctx.helpPage())
    throw new FlotillaError('machine/usage', 'Error: Expected to get one or more machine names as arguments')
  }
  const names = [...new Set(args)]
  ctx.log.info(`About to remove ${names.join(', ')}`)
  ctx.log.info('WARNING: This action will delete both local reference and remote instance.')
  if (!flags.force && !flags.y && !(await confirm(ctx, 'Are you sure? (y/n): '))) return
  const store = openStore(ctx)
  const results = await settleLimit(names, parallel, (name) => removeMachine(ctx, store, name, flags.force))
  const failed = results.flatMap((result) => (result.kind === 'failed' ? [result] : []))
  if (failed.length === 0) return
  if (ctx.signal.aborted) throw failed[0]?.error
  const hints = failed.flatMap(({ item, error }) => findHint(ctx, item, error))
  throw new FlotillaError(
    'machine/driver',
    failed.map(({ item, error }) => `Error removing host "${item}": ${toMessage(error)}`).join('\n'),
    {
      cause: new AggregateError(failed.map(({ error }) => error)),
      ...(hints.length > 0 && { hint: [...new Set(hints)].join('\n') }),
    },
  )
}

function findHint(ctx: Context, name: string, error: unknown): readonly string[] {
  if (!isFlotillaError(error)) return []
  if (error.hint !== undefined) return [error.hint]
  // Nobody knows what such a record was about.
  return error.code === 'machine/invalid-record' ? [`"${programWords(ctx)} rm -f ${name}" forgets it`] : []
}

/** Removes one machine, its record and its context. */
export async function removeMachine(ctx: Context, store: Store, name: string, isForced: boolean): Promise<void> {
  if (isForced && !(await store.exists(name))) {
    ctx.log.error(`Can't remove "${name}"`)
    return
  }
  async function removeBoth(): Promise<void> {
    try {
      const { driver } = await openMachine(ctx, store, name)
      await driver.remove({ signal: ctx.signal })
    } catch (error) {
      if (!isForced || ctx.signal.aborted) throw error
      ctx.log.error(`Error removing host "${name}": ${toMessage(error)}`)
    }
    await store.remove(name)
    await removeContext(contextPlace(ctx), name, store.pathOf(name)).catch((error: unknown) => {
      ctx.log.warn(`cannot remove docker context "${name}": ${toMessage(error)}`)
    })
  }
  await store.lock(name, removeBoth, { signal: ctx.signal })
  ctx.log.info(`Successfully removed ${name}`)
}
