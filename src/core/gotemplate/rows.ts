import { headingFunctions } from './funcs.ts'
import { parseTemplate } from './template.ts'
import type { TemplateOptions } from './template.ts'

/** What `--format` asked for, row by row. */
export interface FormattedRows {
  /** True for `table …`: `lines` are to be lined up at their tabs, headings first. */
  readonly isTable: boolean
  readonly lines: readonly string[]
}

/**
 * Fills a `--format` template once per row. A `table ` prefix puts a line of headings first; `\t` and `\n`
 * written as two characters become tab and line end.
 *
 * @param headings field name → heading, for `table`; for a method what makes the heading of its arguments
 * @throws {core/template}
 */
export function formatRows(
  format: string,
  headings: Readonly<Record<string, unknown>>,
  rows: readonly unknown[],
  options: TemplateOptions = {},
): FormattedRows {
  const isTable = /^table(?:\s|$)/.test(format)
  const source = (isTable ? format.slice('table'.length).trim() : format)
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n')
  const template = parseTemplate(source, options)
  const lines = rows.map((row) => template.render(row))
  if (!isTable) return { isTable, lines }
  const head = parseTemplate(source, {
    ...(options.name === undefined ? {} : { name: options.name }),
    functions: options.functions === undefined ? headingFunctions : { ...options.functions },
  })
  return { isTable, lines: [head.render(headings), ...lines] }
}
