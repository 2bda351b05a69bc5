import type { BuildSource } from '../../engine/buildkit/source.ts'
import { toShown } from './shown.ts'

/**
 * The lines around the place, as buildx prints them: two before and after a single line, one around several.
 *
 * @returns lines without an end
 */
export function renderExcerpt({ file, lines, marked }: BuildSource): readonly string[] {
  const first = marked[0] ?? 1
  const last = marked.at(-1) ?? first
  const around = first === last ? 2 : 1
  const rule = '-'.repeat(20)
  const shown = [`${toShown(file)}:${first}`, rule]
  for (let line = Math.max(1, first - around); line <= Math.min(lines.length, last + around); line += 1) {
    const mark = marked.includes(line) ? '>>>' : '   '
    shown.push(`${String(line).padStart(4)} | ${mark} ${toShown(lines[line - 1] ?? '')}`.trimEnd())
  }
  return [...shown, rule]
}
