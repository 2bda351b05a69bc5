import { FlotillaError } from '../../core/errors.ts'
import type { ErrorCode } from '../../core/errors.ts'
import { renderPlace } from '../model/problem.ts'
import type { Problem } from '../model/problem.ts'

/** Thrown by the loader: one error for all problems of one stage, which stay readable as data. */
export class LoadError extends FlotillaError {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[], code: ErrorCode = 'compose/invalid') {
    const hints = [...new Set(problems.map(renderHint).filter((text) => text !== ''))]
    super(
      code,
      problems.map((problem) => problem.message).join('\n'),
      hints.length === 0 ? {} : { hint: hints.join('\n') },
    )
    this.problems = problems
  }
}

function renderHint(problem: Problem): string {
  const place = renderPlace(problem)
  const hint = problem.hint ?? ''
  if (place === '') return hint
  return hint === '' ? `at ${place}` : `at ${place}: ${hint}`
}

/** One problem without a place of its own. */
export function makeFailure(message: string, code: ErrorCode = 'compose/invalid', hint?: string): LoadError {
  return new LoadError([{ message, path: '', ...(hint === undefined ? {} : { hint }) }], code)
}
