import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { observeContainers } from '../../compose/observe.ts'
import { isAlive } from '../../compose/plan/observed.ts'
import { listProjects } from '../../compose/project-list.ts'
import { renderTable } from '../../ui/table.ts'
import type { lsFlags } from './lifecycle-table.ts'
import { readListFormat } from './list-format.ts'
import { refuseArgs } from './no-args.ts'
import { withSession } from './session.ts'

export const run: Run<typeof lsFlags> = async (ctx, flags, args) => {
  refuseArgs(args, 'ls')
  const names = await readNameFilter(flags.filter)
  // With names alone no format is asked for, nor looked at.
  const format = flags.quiet ? 'table' : readListFormat(flags.format)
  await withSession(ctx, async (session) => {
    const containers = await observeContainers(session.engine, undefined, { signal: ctx.signal })
    const all = listProjects(containers.filter((container) => flags.all || isAlive(container)))
    // One of several is enough, as for filters of docker.
    const rows = names.length === 0 ? all : all.filter((row) => names.some((matches) => matches(row.Name)))
    if (flags.quiet) {
      for (const row of rows) ctx.stdout.write(`${row.Name}\n`)
    } else if (format === 'json') {
      ctx.stdout.write(`${JSON.stringify(rows)}\n`)
    } else {
      const cells = rows.map((row) => [row.Name, row.Status, row.ConfigFiles])
      ctx.stdout.write(`${renderTable(['NAME', 'STATUS', 'CONFIG FILES'], cells, { minWidth: 20 })}\n`)
    }
  })
}

/** `name=REGEX`, repeated; Go's expressions, matched in linear time. */
async function readNameFilter(filters: readonly string[]): Promise<readonly ((name: string) => boolean)[]> {
  if (filters.length === 0) return []
  const { RE2JS } = await import('re2js')
  return filters.map((filter) => {
    const [key = '', ...rest] = filter.split('=')
    if (rest.length === 0) {
      throw new FlotillaError(
        'cli/invalid-value',
        `invalid argument ${JSON.stringify(filter)} for "--filter" flag: bad format of filter (expected name=value)`,
      )
    }
    if (key !== 'name') throw new FlotillaError('cli/invalid-value', `invalid filter '${key}'`)
    try {
      const pattern = RE2JS.compile(rest.join('='))
      return (name: string) => pattern.matcher(name).find()
    } catch (cause) {
      throw new FlotillaError('cli/invalid-value', `invalid expression in --filter "${filter}"`, { cause })
    }
  })
}
