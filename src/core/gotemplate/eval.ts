import { FlotillaError, isFlotillaError } from '../errors.ts'
import { goQuote } from '../goquote.ts'
import type { TemplateFunctions } from './funcs.ts'
import { lineOf } from './lex.ts'
import type { CommandNode, Node, Operand, Pipe, Place } from './node.ts'
import { CallProblem } from './problem.ts'
import { ExactNumber } from '../exact-json.ts'
import { entryOf, goType, hasEntry, isTruthy, keysOf, renderValue } from './value.ts'

/** Bounds of one evaluation; what is beyond them is an error, never a hang. */
export interface TemplateLimits {
  /** Characters of output, and of any one value. */
  readonly outputLength: number
  /** Nodes and calls evaluated; long texts and lists count as the steps that take as long. */
  readonly steps: number
}

export interface EvalOptions {
  readonly source: string
  readonly name: string
  readonly functions: TemplateFunctions
  readonly limits: TemplateLimits
  /** Go type of the data: a missing field of it is an error. Absent: the data is a map and prints `<no value>`. */
  readonly typeName?: string
}

/** A function that stands in the data. */
type Method = (...args: readonly unknown[]) => unknown

class LoopSignal {
  readonly kind: 'break' | 'continue'
  constructor(kind: 'break' | 'continue') {
    this.kind = kind
  }
}

/** Evaluates the tree of a template. @throws {core/template} */
export function evaluateNodes(nodes: readonly Node[], data: unknown, options: EvalOptions): string {
  const evaluation = new Evaluation(data, options)
  evaluation.walk(nodes, data)
  return evaluation.output.join('')
}

class Evaluation {
  readonly output: string[] = []
  private readonly root: unknown
  private readonly options: EvalOptions
  private length = 0
  private steps = 0
  private readonly variables: { readonly name: string; value: unknown }[]

  constructor(root: unknown, options: EvalOptions) {
    this.root = root
    this.options = options
    this.variables = [{ name: '$', value: root }]
  }

  /** @returns what leaves the nearest loop */
  walk(nodes: readonly Node[], dot: unknown): LoopSignal | undefined {
    for (const node of nodes) {
      this.step()
      switch (node.kind) {
        case 'text':
          this.write(node.text)
          break
        case 'action': {
          const value = this.evaluatePipe(node.pipe, dot)
          if (node.pipe.names.length === 0) this.write(this.guard(node.pipe, () => renderValue(value)))
          break
        }
        case 'break':
        case 'continue':
          return new LoopSignal(node.kind)
        default: {
          const known = this.variables.length
          const signal = node.kind === 'range' ? this.walkRange(node, dot) : this.walkBranch(node, dot)
          this.variables.length = known
          if (signal !== undefined) return signal
        }
      }
    }
    return undefined
  }

  private walkBranch(node: Node & { readonly kind: 'if' | 'with' | 'range' }, dot: unknown): LoopSignal | undefined {
    const value = this.evaluatePipe(node.pipe, dot)
    if (isTruthy(value)) return this.walk(node.body, node.kind === 'with' ? value : dot)
    return this.walk(node.otherwise, dot)
  }

  private walkRange(node: Node & { readonly kind: 'if' | 'with' | 'range' }, dot: unknown): LoopSignal | undefined {
    const { pipe } = node
    const value = this.evaluatePipe({ ...pipe, names: [] }, dot)
    const known = this.variables.length
    let isEmpty = true
    for (const [key, item] of this.itemsOf(value, pipe)) {
      isEmpty = false
      this.step()
      const [first, second] = pipe.names
      if (second !== undefined) this.setVariables(pipe, [first ?? '', second], [key, item])
      else if (first !== undefined) this.setVariables(pipe, [first], [item])
      const signal = this.walk(node.body, item)
      this.variables.length = known
      if (signal?.kind === 'break') break
    }
    return isEmpty ? this.walk(node.otherwise, dot) : undefined
  }

  private setVariables(pipe: Pipe, names: readonly string[], values: readonly unknown[]): void {
    for (const [index, name] of names.entries()) {
      if (pipe.isAssignment) this.assign(name, values[index])
      else this.variables.push({ name, value: values[index] })
    }
  }

  private *itemsOf(value: unknown, place: Place): Generator<readonly [unknown, unknown]> {
    if (value === undefined || value === null) return
    if (Array.isArray(value)) {
      yield* (value as unknown[]).entries()
    } else if (typeof value === 'number' && Number.isInteger(value)) {
      for (let index = 0; index < value; index += 1) yield [index, index]
    } else if (typeof value === 'object' && !(value instanceof ExactNumber)) {
      for (const key of keysOf(value)) yield [key, entryOf(value, key)]
    } else {
      throw this.problem(place, `range can't iterate over ${renderValue(value)}`)
    }
  }

  private evaluatePipe(pipe: Pipe, dot: unknown): unknown {
    let value: unknown
    for (const [index, command] of pipe.commands.entries()) {
      value = this.evaluateCommand(command, dot, index > 0 ? [value] : [])
    }
    const [name] = pipe.names
    if (name !== undefined) this.setVariables(pipe, [name], [value])
    return value
  }

  private evaluateCommand(command: CommandNode, dot: unknown, piped: readonly unknown[]): unknown {
    this.step()
    const [first, ...rest] = command.operands
    if (first === undefined) return undefined
    if (first.kind === 'call') return this.evaluateCall(first, rest, dot, piped)
    const value = this.evaluateOperand(first, dot)
    if (typeof value === 'function') {
      const args = [...rest.map((operand) => this.evaluateArgument(operand, dot)), ...piped]
      return this.callMethod(first, value as Method, args)
    }
    if (rest.length > 0 || piped.length > 0) {
      throw this.problem(first, `can't give argument to non-function ${first.text}`)
    }
    return value
  }

  private evaluateCall(
    place: Operand & { readonly kind: 'call' },
    operands: readonly Operand[],
    dot: unknown,
    piped: readonly unknown[],
  ): unknown {
    const { name } = place
    const total = operands.length + piped.length
    if ((name === 'and' || name === 'or') && total > 0) {
      // Go evaluates these only as far as needed.
      for (const operand of operands) {
        const value = this.evaluateArgument(operand, dot)
        if (isTruthy(value) === (name === 'or')) return value
        if (operand === operands.at(-1) && piped.length === 0) return value
      }
      return piped[0]
    }
    const fn = Object.hasOwn(this.options.functions, name) ? this.options.functions[name] : undefined
    if (fn === undefined) throw this.problem(place, `${goQuote(name)} is not a defined function`)
    const least = fn.length
    if (total < least) {
      throw this.problem(place, `wrong number of args for ${name}: want at least ${least} got ${total}`)
    }
    const args = [...operands.map((operand) => this.evaluateArgument(operand, dot)), ...piped]
    return this.call(place, name, args, () => fn(...args))
  }

  private call(place: Place, name: string, args: readonly unknown[], body: () => unknown): unknown {
    // A loop over calls with long texts would take hours in few steps.
    for (const arg of args) this.step(sizeInSteps(arg))
    const value = this.guard(place, body, name)
    this.step(sizeInSteps(value))
    if (typeof value === 'string' && value.length > this.options.limits.outputLength) {
      throw this.problem(place, `result is longer than ${this.options.limits.outputLength} characters`)
    }
    return value
  }

  /** An operand that is not in first place: a function value is called without arguments. */
  private evaluateArgument(operand: Operand, dot: unknown): unknown {
    if (operand.kind === 'call') return this.evaluateCall(operand, [], dot, [])
    const value = this.evaluateOperand(operand, dot)
    if (typeof value !== 'function') return value
    return this.callMethod(operand, value as Method, [])
  }

  private callMethod(operand: Operand, method: Method, args: readonly unknown[]): unknown {
    if (args.length < method.length) {
      const name = operand.text.split('.').at(-1)
      throw this.problem(operand, `wrong number of args for ${name}: want ${method.length} got ${args.length}`)
    }
    return this.call(operand, operand.text, args, () => method(...args))
  }

  private evaluateOperand(operand: Operand, dot: unknown): unknown {
    this.step()
    switch (operand.kind) {
      case 'dot':
        return dot
      case 'nil':
        throw this.problem(operand, 'nil is not a command')
      case 'literal':
        return operand.value
      case 'variable':
        return this.variables.findLast((variable) => variable.name === operand.name)?.value
      case 'pipe':
        return this.evaluatePipe(operand.pipe, dot)
      case 'call':
        return this.evaluateCall(operand, [], dot, [])
      default:
        return operand.names.reduce(
          (value, name) => this.evaluateField(operand, value, name),
          this.evaluateOperand(operand.base, dot),
        )
    }
  }

  private evaluateField(place: Operand, receiver: unknown, name: string): unknown {
    if (receiver === undefined || receiver === null) {
      throw this.problem(place, `nil pointer evaluating interface {}.${name}`)
    }
    if (typeof receiver !== 'object' || Array.isArray(receiver) || receiver instanceof ExactNumber) {
      throw this.problem(place, `can't evaluate field ${name} in type ${goType(receiver)}`)
    }
    if (!hasEntry(receiver, name) && receiver === this.root && this.options.typeName !== undefined) {
      throw this.problem(place, `can't evaluate field ${name} in type ${this.options.typeName}`)
    }
    return entryOf(receiver, name)
  }

  private assign(name: string, value: unknown): void {
    const variable = this.variables.findLast((candidate) => candidate.name === name)
    if (variable !== undefined) variable.value = value
  }

  private write(text: string): void {
    this.length += text.length
    if (this.length > this.options.limits.outputLength) {
      throw new FlotillaError(
        'core/template',
        `template output is longer than ${this.options.limits.outputLength} characters`,
      )
    }
    this.output.push(text)
  }

  private step(count = 1): void {
    this.steps += count
    if (this.steps > this.options.limits.steps) {
      throw new FlotillaError('core/template', `template takes more than ${this.options.limits.steps} steps`)
    }
  }

  private guard<T>(place: Place, body: () => T, callee?: string): T {
    try {
      return body()
    } catch (error) {
      if (isFlotillaError(error)) throw error
      // A RangeError is a string or an array that would not fit into memory.
      const message = error instanceof CallProblem || error instanceof RangeError ? error.message : String(error)
      throw this.problem(place, callee === undefined ? message : `error calling ${callee}: ${message}`)
    }
  }

  private problem(place: Place, text: string): FlotillaError {
    const { source, name } = this.options
    const column = place.at - (source.lastIndexOf('\n', place.at - 1) + 1)
    const where = `template: ${name}:${lineOf(source, place.at)}:${column}`
    const context = place.text.length > 20 ? `${place.text.slice(0, 20)}...` : place.text
    return new FlotillaError('core/template', `${where}: executing ${goQuote(name)} at <${context}>: ${text}`)
  }
}

const lettersPerStep = 128
const itemsPerStep = 4

/** What a function does with a value at most, told by its length. */
function sizeInSteps(value: unknown): number {
  if (typeof value === 'string') return Math.floor(value.length / lettersPerStep)
  return Array.isArray(value) ? Math.floor(value.length / itemsPerStep) : 0
}
