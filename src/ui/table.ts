import { padText, textWidth } from './width.ts'

export interface TableOptions {
  /** Spaces between a column's widest cell and the next column; 3. */
  readonly gap?: number
  /** Least width of a column with its gap: 10 as docker prints, 5 as docker-machine does. */
  readonly minWidth?: number
}

/**
 * Lines up rows as docker's table writer does: each column as wide as its widest cell plus the gap, the
 * last cell of a row not padded. Rows may differ in length. No final newline.
 *
 * @param headings first row; empty for none
 */
export function renderTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): string {
  const { gap = 3, minWidth = 10 } = options
  const lines = (headings.length > 0 ? [headings, ...rows] : rows).map((row) => row.map(cleanCell))
  const widths: number[] = []
  for (const row of lines) {
    for (const [column, cell] of row.slice(0, -1).entries()) {
      widths[column] = Math.max(widths[column] ?? minWidth, textWidth(cell) + gap)
    }
  }
  return lines
    .map((row) =>
      row.map((cell, column) => (column === row.length - 1 ? cell : padText(cell, widths[column] ?? 0))).join(''),
    )
    .join('\n')
}

/** A cell must not break the row, steer the terminal or turn the direction of what follows. */
export function cleanCell(cell: string): string {
  return cell.replace(/[\r\n\t]+/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}
