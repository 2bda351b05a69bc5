import { evaluateNodes } from './eval.ts'
import type { TemplateLimits } from './eval.ts'
import { basicFunctions, dockerFunctions } from './funcs.ts'
import type { TemplateFunctions } from './funcs.ts'
import { parseNodes } from './parse.ts'

export interface TemplateOptions {
  /** Stands in messages: `template: NAME:1: …`; empty as in docker and docker-machine. */
  readonly name?: string
  /** Functions besides Go's own; docker's when absent. `{}` for none (docker-machine `ls`). */
  readonly functions?: TemplateFunctions
  /** Go type of the data, for the error of a field it does not have. Absent: the data is a map, missing keys print `<no value>`. */
  readonly typeName?: string
  readonly limits?: Partial<TemplateLimits>
}

/** A template that has been read and can be filled in many times. */
export interface Template {
  /**
   * Fills in the data. Only own properties are seen; own functions are methods (`{{.Label "k"}}`).
   *
   * @throws {core/template} with Go's text: `template: :1:2: executing "" at <.X>: …`
   */
  render(data: unknown): string
}

const defaultLimits: TemplateLimits = { outputLength: 64 * 1024 * 1024, steps: 5_000_000 }

/**
 * Reads a Go template: text, pipelines, variables, `if`, `with`, `range`, Go's functions and docker's.
 * `define`, `block` and `template` are refused.
 *
 * @throws {core/template} with Go's text: `template: :1: unclosed action`
 */
export function parseTemplate(source: string, options: TemplateOptions = {}): Template {
  const name = options.name ?? ''
  const functions = { ...basicFunctions, ...(options.functions ?? dockerFunctions) }
  const nodes = parseNodes(source, name, new Set(Object.keys(functions)))
  const limits = { ...defaultLimits, ...options.limits }
  const { typeName } = options
  return {
    render: (data) =>
      evaluateNodes(nodes, data, { source, name, functions, limits, ...(typeName === undefined ? {} : { typeName }) }),
  }
}
