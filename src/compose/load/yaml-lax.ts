import { Composer, Lexer, Parser, isAlias, isMap, isPair, isScalar, isSeq } from 'yaml'
import type { Document, Node } from 'yaml'
import { failAt, tooDeep } from './yaml-failure.ts'
import type { TextContext } from './yaml-failure.ts'
import type { ReadEvents, YamlEvent } from './yaml-events.ts'

/**
 * Reads a text with the `yaml` package: laxer than the quick reader, about indentation above all, as the reference program
 * is, and with its words for what is no YAML. Loaded for texts that the quick reader refuses.
 *
 * Nesting is bounded while the tokens are cut, before anything recursive sees them.
 *
 * @throws {compose/invalid}; {compose/limit} when nested too deep
 */
export const readEventsLaxly: ReadEvents = (source, context) => {
  // uniqueKeys compares every key with every other one; duplicates are found by the converter, by look-up.
  // The fail-safe schema leaves scalars as text.
  const composer = new Composer({ uniqueKeys: false, schema: 'failsafe', strict: false, logLevel: 'silent' })
  const events: YamlEvent[] = []
  for (const document of composer.compose(cutTokens(source, context))) {
    checkSyntax(document, source, context)
    events.push({ kind: 'document' })
    if (document.contents !== null) addNode(document.contents, events)
    events.push({ kind: 'end' })
  }
  return events
}

/** `yaml`'s concrete syntax parser, stopped when its stack grows deeper than allowed. */
function* cutTokens(source: string, context: TextContext): ReturnType<Parser['parse']> {
  const parser = new Parser()
  // The stack is not in the declarations; without it the bound would need a second scan of the text.
  const stack = Reflect.get(parser, 'stack') as readonly unknown[]
  let offset = 0
  for (const lexeme of makeLexer().lex(source)) {
    yield* parser.next(lexeme)
    if (stack.length > context.maxDepth + 2) throw tooDeep(source, offset, context)
    offset += isControl(lexeme) ? 0 : lexeme.length
  }
  yield* parser.end()
}

/**
 * Between brackets and between quotes the reference program does not look at indentation: lines may begin anywhere. The
 * library wants them deeper than their key, and keeps that depth in a field that its declarations leave out.
 */
function makeLexer(): Lexer {
  const lexer = new Lexer()
  for (const name of ['parseFlowCollection', 'parseQuotedScalar']) {
    const cut = Reflect.get(lexer, name) as () => Generator<string, unknown>
    const cutAnywhere = function* (): Generator<string, unknown> {
      const depth: unknown = Reflect.get(lexer, 'indentNext')
      Reflect.set(lexer, 'indentNext', 0)
      const next = yield* cut.call(lexer)
      Reflect.set(lexer, 'indentNext', depth)
      return next
    }
    Reflect.set(lexer, name, cutAnywhere)
  }
  keepDashes(lexer)
  return lexer
}

/**
 * `command: [cat, -]`: between brackets a dash before a comma or bracket is a text for the reference program. The library takes
 * it for a list's; it decides by the sign that follows.
 */
function keepDashes(lexer: Lexer): void {
  const charAt = Reflect.get(lexer, 'charAt') as (ahead: number) => unknown
  const look = (ahead: number): unknown => charAt.call(lexer, ahead)
  const isText = (): boolean => Number(Reflect.get(lexer, 'flowLevel')) > 0 && look(0) === '-'
  Reflect.set(lexer, 'charAt', (ahead: number) => {
    const sign = look(ahead)
    return ahead === 1 && isText() && /^[,[\]{}]$/.test(String(sign)) ? '-' : sign
  })
}

/** Lexemes that stand for structure and take no room in the text. */
function isControl(lexeme: string): boolean {
  return lexeme.length === 1 && '\u0002\u0018\u001f\uFEFF'.includes(lexeme)
}

function checkSyntax(document: Document.Parsed, source: string, context: TextContext): void {
  const error = document.errors[0]
  if (error === undefined) return
  const reason = lowerFirst(error.message.split('\n')[0] ?? error.code)
  throw failAt(source, error.pos[0], context, reason, 'yaml: ')
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1)
}

function addNode(node: Node, events: YamlEvent[]): void {
  const offset = node.range?.[0] ?? 0
  if (isAlias(node)) {
    events.push({ kind: 'alias', offset, anchor: node.source })
    return
  }
  const { tag, anchor } = node as { readonly tag?: string; readonly anchor?: string }
  if (isScalar(node)) {
    const text = typeof node.value === 'string' ? node.value : ''
    events.push({ kind: 'scalar', offset, tag, anchor, text, isPlain: node.type === 'PLAIN' })
    return
  }
  if (!isMap(node) && !isSeq(node)) return
  events.push({ kind: isMap(node) ? 'map' : 'list', offset, tag, anchor })
  for (const item of node.items) {
    if (isPair(item)) {
      addNode(item.key as Node, events)
      if (item.value === null)
        events.push({ kind: 'scalar', offset, tag: undefined, anchor: undefined, text: '', isPlain: true })
      else addNode(item.value as Node, events)
    } else addNode(item as Node, events)
  }
  events.push({ kind: 'end' })
}
