import { FlotillaError } from '../errors.ts'

/** A template that cannot be read: `template: NAME:LINE: TEXT`, as Go words it. */
export function parseProblem(name: string, line: number, text: string): FlotillaError {
  return new FlotillaError('core/template', `template: ${name}:${line}: ${text}`)
}

/** What goes wrong inside a function, before it is known where in the template that is. */
export class CallProblem extends Error {}
