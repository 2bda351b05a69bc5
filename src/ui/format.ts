import { formatRows } from '../core/gotemplate/rows.ts'
import type { TemplateOptions } from '../core/gotemplate/template.ts'
import { renderTable } from './table.ts'
import type { TableOptions } from './table.ts'

/**
 * Writes rows as a `--format` template says, with a final newline after each; lined up under headings when
 * it begins with `table`. Empty text when there is nothing to write.
 *
 * @param headings field name → heading, as `formatRows` takes them
 * @throws {core/template}
 */
export function renderFormat(
  format: string,
  headings: Readonly<Record<string, unknown>>,
  rows: readonly unknown[],
  options: TemplateOptions & TableOptions = {},
): string {
  const { isTable, lines } = formatRows(format, headings, rows, options)
  if (lines.length === 0) return ''
  if (!isTable) return `${lines.join('\n')}\n`
  const cells = lines.map((line) => line.split('\t'))
  return `${renderTable([], cells, options)}\n`
}
