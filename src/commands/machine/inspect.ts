import type { Run } from '../../cli/command.ts'
import { renderExactJson } from '../../core/exact-json.ts'
import type { JsonValue } from '../../core/exact-json.ts'
import { toRecord } from '../../machine/record.ts'
import { chooseName, openMachine, openStore } from './open-machine.ts'
import type { inspectFlags } from './table.ts'

/** The record as JSON, the driver's part as the driver sees it now. */
export const run: Run<typeof inspectFlags> = async (ctx, flags, args) => {
  if (args.length > 1) ctx.stdout.write(await ctx.helpPage())
  const store = openStore(ctx)
  const { host, driver } = await openMachine(ctx, store, await chooseName(store, args))
  const record = toRecord({ ...host, driver: driver.toConfig() })
  if (flags.format === '') {
    ctx.stdout.write(`${renderExactJson(record, 4)}\n`)
    return
  }
  const { parseTemplate } = await import('../../core/gotemplate/template.ts')
  const { withTemplateError } = await import('./template-error.ts')
  const text = withTemplateError(() => {
    const functions = {
      json: (value: unknown) => renderExactJson(sortKeys(value as JsonValue)),
      prettyjson: (value: unknown) => renderExactJson(sortKeys(value as JsonValue), 4),
    }
    return parseTemplate(flags.format, { functions }).render(record)
  })
  ctx.stdout.write(`${text}\n`)
}

/** Go prints the keys of a map in order. */
function sortKeys(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(sortKeys)
  if (typeof value !== 'object' || value === null || 'text' in value) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, field]) => [key, sortKeys(field as JsonValue)]))
}
