import type { Run } from '../../cli/command.ts'
import { failpoints } from '../../core/failpoint.ts'
import type { failpointsFlags } from './table.ts'

/** `flotilla debug failpoints`: one line a point, name and meaning. */
export const run: Run<typeof failpointsFlags> = async (ctx) => {
  const names = Object.keys(failpoints).sort()
  const width = Math.max(...names.map((name) => name.length))
  const meanings: Readonly<Record<string, string>> = failpoints
  for (const name of names) ctx.stdout.write(`${name.padEnd(width)}  ${meanings[name] ?? ''}\n`)
}
