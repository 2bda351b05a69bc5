/** One mistake in a file. Validation collects them and throws once. */
export interface Problem {
  /** Without place; what the reference program prints after its own prefix, where one is known. */
  readonly message: string
  /** Keys from the root, for instance `services.web.ports.0`. */
  readonly path: string
  /** Absolute, or `-`. */
  readonly file?: string
  /** From 1. */
  readonly line?: number
  readonly column?: number
  /** The nearest valid name, or what to do next. */
  readonly hint?: string
}

/** `file:line:column`, as far as known. */
export function renderPlace(problem: Problem): string {
  if (problem.file === undefined) return ''
  const file = problem.file === '-' ? '(stdin)' : problem.file
  return problem.line === undefined ? file : `${file}:${problem.line}:${problem.column ?? 1}`
}
