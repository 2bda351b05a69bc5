import { LoadError } from './failure.ts'
import { describeLimit } from './limits.ts'
import type { LoadLimits } from './limits.ts'
import { toLineColumn } from './place.ts'

/** What a complaint about a text needs to name its place. */
export interface TextContext {
  readonly path: string
  readonly maxDepth: number
}

/** The error of a text, with file, line and column. `origin` tells the words of the YAML library from ours. */
export function failAt(
  source: string,
  offset: number,
  context: TextContext,
  reason: string,
  origin: 'yaml: ' | '' = '',
  limit?: keyof LoadLimits,
): LoadError {
  const place = toLineColumn(source, offset)
  const message = `failed to parse ${context.path}: ${origin}line ${place.line}: ${reason}`
  const problem = { message, path: '', file: context.path, ...place }
  if (limit === undefined) return new LoadError([problem])
  return new LoadError([{ ...problem, hint: describeLimit(limit) }], 'compose/limit')
}

export function tooDeep(source: string, offset: number, context: TextContext): LoadError {
  return failAt(source, offset, context, `nested more than ${context.maxDepth} levels deep`, '', 'yamlDepth')
}
