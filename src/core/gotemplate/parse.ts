import { goQuote } from '../goquote.ts'
import { lexTemplate, lineOf } from './lex.ts'
import type { Token } from './lex.ts'
import { readCharacter, readNumber, readString } from './literal.ts'
import type { CommandNode, Node, Operand, Pipe } from './node.ts'
import { parseProblem } from './problem.ts'

const maxDepth = 100

/**
 * Reads a template.
 *
 * @param functions names that may be called
 * @throws {core/template} with Go's text
 */
export function parseNodes(source: string, name: string, functions: ReadonlySet<string>): readonly Node[] {
  const parser = new Parser(source, name, functions)
  return parser.parseAll()
}

interface Block {
  readonly nodes: readonly Node[]
  /** What ended it: `end`, `else`, or the end of the template. */
  readonly closer: 'end' | 'else' | 'none'
}

class Parser {
  private readonly source: string
  private readonly name: string
  private readonly functions: ReadonlySet<string>
  private readonly tokens: readonly Token[]
  private index = 0
  private depth = 0
  private loops = 0
  private variables: string[] = ['$']

  constructor(source: string, name: string, functions: ReadonlySet<string>) {
    this.source = source
    this.name = name
    this.functions = functions
    this.tokens = lexTemplate(source, name)
  }

  parseAll(): readonly Node[] {
    const block = this.parseBlock()
    if (block.closer !== 'none') throw this.problem(`unexpected {{${block.closer}}}`)
    return block.nodes
  }

  private parseBlock(): Block {
    const nodes: Node[] = []
    for (;;) {
      const token = this.next()
      if (token.kind === 'end') return { nodes, closer: 'none' }
      if (token.kind === 'text') {
        nodes.push({ kind: 'text', text: token.text })
        continue
      }
      const word = this.peek()
      if (word.kind === 'word' && (word.text === 'end' || word.text === 'else')) {
        this.index += 1
        if (word.text === 'end') this.expectRight('end')
        return { nodes, closer: word.text }
      }
      nodes.push(this.parseAction(word))
    }
  }

  private parseAction(word: Token): Node {
    if (word.kind === 'word') {
      switch (word.text) {
        case 'if':
        case 'with':
        case 'range':
          this.index += 1
          return this.parseControl(word.text)
        case 'break':
        case 'continue':
          this.index += 1
          if (this.loops === 0) throw this.problem(`{{${word.text}}} outside {{range}}`)
          this.expectRight(word.text)
          return { kind: word.text }
        case 'define':
        case 'block':
        case 'template':
          throw this.problem(`{{${word.text}}} is not supported here`)
        default:
      }
    }
    const pipe = this.parsePipe('command')
    this.expectRight('command')
    return { kind: 'action', pipe }
  }

  private parseControl(kind: 'if' | 'with' | 'range'): Node {
    this.enter()
    const known = this.variables.length
    const pipe = this.parsePipe(kind)
    this.expectRight(kind)
    if (kind === 'range') this.loops += 1
    const body = this.parseBlock()
    if (kind === 'range') this.loops -= 1
    if (body.closer === 'none') throw this.problem('unexpected EOF')
    let otherwise: readonly Node[] = []
    if (body.closer === 'else') otherwise = this.parseElse(kind)
    this.variables.length = known
    this.depth -= 1
    return { kind, pipe, body: body.nodes, otherwise }
  }

  private parseElse(kind: 'if' | 'with' | 'range'): readonly Node[] {
    const next = this.peek()
    // `{{else if …}}` shares the `{{end}}` of the outer `if`.
    if (next.kind === 'word' && next.text === kind && kind !== 'range') {
      this.index += 1
      return [this.parseControl(kind)]
    }
    this.expectRight('else')
    const block = this.parseBlock()
    if (block.closer === 'none') throw this.problem('unexpected EOF')
    if (block.closer === 'else') throw this.problem('expected end; found {{else}}')
    return block.nodes
  }

  private parsePipe(context: string): Pipe {
    this.enter()
    const start = this.peek().at
    const { names, isAssignment } = this.parseDeclaration(context)
    const commands: CommandNode[] = []
    for (;;) {
      const command = this.parseCommand(context)
      if (commands.length > 0 && !isExecutable(command)) {
        throw this.problem(`non executable command in pipeline stage ${commands.length + 1}`)
      }
      commands.push(command)
      if (this.peek().kind !== 'pipe') break
      this.index += 1
    }
    // Known only after its own value, as in Go.
    if (!isAssignment) this.variables.push(...names)
    this.depth -= 1
    return { names, isAssignment, commands, ...this.placeFrom(start) }
  }

  private parseDeclaration(context: string): { readonly names: string[]; readonly isAssignment: boolean } {
    const start = this.index
    const names: string[] = []
    while (this.peek().kind === 'variable') {
      names.push(this.next().text)
      const sign = this.next()
      if (sign.kind === 'declare' || sign.kind === 'assign') {
        const isAssignment = sign.kind === 'assign'
        if (names.length > (context === 'range' ? 2 : 1)) throw this.problem(`too many declarations in ${context}`)
        if (isAssignment) for (const name of names) this.checkVariable(name)
        return { names, isAssignment }
      }
      if (sign.kind !== 'comma') break
    }
    this.index = start
    return { names: [], isAssignment: false }
  }

  private parseCommand(context: string): CommandNode {
    const start = this.peek().at
    const operands: Operand[] = []
    for (;;) {
      const token = this.peek()
      if (token.kind === 'right' || token.kind === 'close' || token.kind === 'pipe') break
      operands.push(this.parseOperand())
    }
    if (operands.length === 0) {
      throw this.problem(context === 'command' ? 'missing value for command' : `missing value for ${context}`)
    }
    return { operands, ...this.placeFrom(start) }
  }

  private parseOperand(): Operand {
    const token = this.next()
    let operand = this.parseTerm(token)
    const names: string[] = []
    while (this.peek().kind === 'field' && this.peek().isGlued) names.push(this.next().text.slice(1))
    if (names.length === 0) return operand
    if (operand.kind === 'literal' || operand.kind === 'nil') {
      throw this.problem(`unexpected . after term ${goQuote(token.text)}`)
    }
    if (operand.kind === 'fields') {
      names.unshift(...operand.names)
      operand = operand.base
    }
    return { kind: 'fields', base: operand, names, ...this.placeFrom(token.at) }
  }

  private parseTerm(token: Token): Operand {
    const place = { at: token.at, text: token.text }
    switch (token.kind) {
      case 'dot':
        return { kind: 'dot', ...place }
      case 'field':
        return { kind: 'fields', base: { kind: 'dot', ...place }, names: [token.text.slice(1)], ...place }
      case 'variable':
        this.checkVariable(token.text)
        return { kind: 'variable', name: token.text, ...place }
      case 'word':
        return this.parseWord(token)
      case 'string':
      case 'char':
      case 'number':
        return { kind: 'literal', value: this.readLiteral(token), ...place }
      case 'open': {
        const pipe = this.parsePipe('parenthesized pipeline')
        if (this.next().kind !== 'close') throw this.problem('unclosed left paren')
        return { kind: 'pipe', pipe, ...this.placeFrom(token.at) }
      }
      default:
        throw this.problem(`unexpected ${token.kind === 'end' ? 'EOF' : `<${token.text}>`} in operand`)
    }
  }

  private parseWord(token: Token): Operand {
    const place = { at: token.at, text: token.text }
    if (token.text === 'true' || token.text === 'false') {
      return { kind: 'literal', value: token.text === 'true', ...place }
    }
    if (token.text === 'nil') return { kind: 'nil', ...place }
    if (!this.functions.has(token.text)) throw this.problem(`function ${goQuote(token.text)} not defined`)
    return { kind: 'call', name: token.text, ...place }
  }

  private readLiteral(token: Token): string | number {
    const read = token.kind === 'string' ? readString : token.kind === 'char' ? readCharacter : readNumber
    const value = read(token.text)
    if (value !== undefined) return value
    throw this.problem(token.kind === 'string' ? 'invalid syntax' : `bad number syntax: ${goQuote(token.text)}`)
  }

  private checkVariable(name: string): void {
    if (!this.variables.includes(name)) throw this.problem(`undefined variable ${goQuote(name)}`)
  }

  private expectRight(context: string): void {
    const token = this.next()
    if (token.kind !== 'right') throw this.problem(`unexpected <${token.text}> in ${context}`)
  }

  private enter(): void {
    this.depth += 1
    if (this.depth > maxDepth) throw this.problem(`nested deeper than ${maxDepth} levels`)
  }

  private next(): Token {
    const token = this.peek()
    if (token.kind !== 'end') this.index += 1
    return token
  }

  private peek(): Token {
    // The list always ends with an `end` token, and `next` never goes past it.
    return this.tokens[this.index] as Token
  }

  private placeFrom(start: number): { readonly at: number; readonly text: string } {
    const last = this.tokens[this.index - 1]
    return { at: start, text: this.source.slice(start, last === undefined ? start : last.at + last.text.length) }
  }

  private problem(text: string): Error {
    const at = this.tokens[Math.max(0, this.index - 1)]?.at ?? 0
    return parseProblem(this.name, lineOf(this.source, at), text)
  }
}

/** Later stages of a pipeline must take the value: a literal cannot. */
function isExecutable(command: CommandNode): boolean {
  const first = command.operands[0]?.kind
  return first !== 'literal' && first !== 'nil' && first !== 'dot'
}
