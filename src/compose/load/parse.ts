import { Composer, Parser, isAlias, isMap as isYamlMap, isScalar, isSeq, Lexer } from 'yaml'
import type { Alias, Document, Node, Scalar, YAMLMap, YAMLSeq } from 'yaml'
import { LoadError } from './failure.ts'
import type { NodeBudget } from './budget.ts'
import { toLineColumn } from './place.ts'
import type { Places } from './place.ts'
import { renderScalar, resolvePlain } from './plain.ts'
import { isMap, makeMap, renderPath } from './tree.ts'
import type { Tree, TreePath } from './tree.ts'

/** One document of a file: its tree, and the paths that carried `!reset` or `!override`. */
export interface ParsedDocument {
  readonly tree: Tree
  readonly resets: readonly TreePath[]
}

/** What parsing needs besides the text. */
export interface ParseContext {
  readonly path: string
  readonly places: Places
  readonly budget: NodeBudget
  readonly maxDepth: number
}

/**
 * YAML (or JSON) text → one tree a document, aliases and merge keys expanded.
 *
 * Linear in the text. Nesting is bounded while the tokens are cut, before anything recursive sees them,
 * and what aliases expand to is counted before it is copied.
 *
 * @throws {compose/invalid} with file, line and column; {compose/limit} on a bound
 */
export function parseYaml(text: string, context: ParseContext): readonly ParsedDocument[] {
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text
  const file = context.places.addFile(context.path, source)
  const control = source.search(forbidden)
  if (control !== -1) throw failAt(source, control, context, 'control characters are not allowed')
  // uniqueKeys compares every key with every other one; duplicates are found here by look-up instead.
  // The fail-safe schema leaves scalars as text; `resolvePlain` has the reference program's rules.
  const composer = new Composer({ uniqueKeys: false, schema: 'failsafe', strict: false, logLevel: 'silent' })
  const documents: ParsedDocument[] = []
  for (const document of composer.compose(cutTokens(source, context))) {
    checkSyntax(document, source, context)
    documents.push(new Converter(source, file, context).convert(document))
  }
  return documents
}

/** Characters no YAML stream may hold (YAML 1.2 section 5.1). */
// oxlint-disable-next-line no-control-regex
const forbidden = /[\0-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/

/** `yaml`'s concrete syntax parser, stopped when its stack grows deeper than allowed. */
function* cutTokens(source: string, context: ParseContext): ReturnType<Parser['parse']> {
  const parser = new Parser()
  // The stack is not in the declarations; without it the bound would need a second scan of the text.
  const stack = Reflect.get(parser, 'stack') as readonly unknown[]
  let offset = 0
  for (const lexeme of new Lexer().lex(source)) {
    yield* parser.next(lexeme)
    if (stack.length > context.maxDepth + 2) throw tooDeep(source, offset, context)
    offset += isControl(lexeme) ? 0 : lexeme.length
  }
  yield* parser.end()
}

/** Lexemes that stand for structure and take no room in the text. */
function isControl(lexeme: string): boolean {
  return lexeme.length === 1 && '\u0002\u0018\u001f\uFEFF'.includes(lexeme)
}

function tooDeep(source: string, offset: number, context: ParseContext): LoadError {
  return failAt(source, offset, context, `nested more than ${context.maxDepth} levels deep`, 'compose/limit')
}

function failAt(
  source: string,
  offset: number,
  context: ParseContext,
  reason: string,
  code: 'compose/invalid' | 'compose/limit' = 'compose/invalid',
): LoadError {
  const place = toLineColumn(source, offset)
  const message = `failed to parse ${context.path}: line ${place.line}: ${reason}`
  return new LoadError([{ message, path: '', file: context.path, ...place }], code)
}

function checkSyntax(document: Document.Parsed, source: string, context: ParseContext): void {
  const error = document.errors[0]
  if (error === undefined) return
  const place = toLineColumn(source, error.pos[0])
  const reason = lowerFirst(error.message.split('\n')[0] ?? error.code)
  throw new LoadError([
    {
      message: `failed to parse ${context.path}: yaml: line ${place.line}: ${reason}`,
      path: '',
      file: context.path,
      ...place,
    },
  ])
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1)
}

interface Anchored {
  readonly tree: Tree
  readonly nodes: number
  readonly depth: number
  /** Reset paths below the anchor. */
  readonly resets: readonly TreePath[]
}

/** Marks an element that `!reset` takes out. */
const dropped = Symbol('dropped')

/** Turns one document's nodes into a tree. */
class Converter {
  readonly #source: string
  readonly #file: number
  readonly #context: ParseContext
  readonly #anchors = new Map<string, Anchored>()
  /** Anchors whose content is being read, with the path they stand at. */
  readonly #open = new Map<string, TreePath>()
  #resets: TreePath[] = []
  #nodes = 0

  constructor(source: string, file: number, context: ParseContext) {
    this.#source = source
    this.#file = file
    this.#context = context
  }

  convert(document: Document.Parsed): ParsedDocument {
    const tree = document.contents === null ? null : this.#toTree(document.contents, [])
    return { tree: tree === dropped ? null : tree, resets: this.#resets }
  }

  #toTree(node: Node, path: TreePath): Tree | typeof dropped {
    if (isAlias(node)) return this.#toAliased(node, path)
    const anchor = (node as { anchor?: string }).anchor
    if (anchor === undefined) return this.#toTagged(node, path)
    const [nodesBefore, resetsBefore] = [this.#nodes, this.#resets.length]
    this.#open.set(anchor, path)
    this.#anchors.delete(anchor)
    const tree = this.#toTagged(node, path)
    this.#open.delete(anchor)
    if (tree !== dropped) {
      const resets = this.#resets.slice(resetsBefore).map((reset) => reset.slice(path.length))
      this.#anchors.set(anchor, { tree, nodes: this.#nodes - nodesBefore, depth: depthOf(tree), resets })
    }
    return tree
  }

  #toTagged(node: Node, path: TreePath): Tree | typeof dropped {
    this.#nodes += 1
    this.#context.budget.spend(1)
    const tag = (node as { tag?: string }).tag
    if (tag === '!reset') {
      this.#resets.push(path)
      return dropped
    }
    if (tag === '!override') this.#resets.push(path)
    if (isYamlMap(node)) return this.#toMap(node, path)
    if (isSeq(node)) return this.#toList(node, path)
    return isScalar(node) ? toScalar(node) : null
  }

  #toMap(node: YAMLMap, path: TreePath): Tree {
    const made = makeMap()
    const seen = new Map<string, number>()
    const merged: Tree[] = []
    for (const pair of node.items) {
      const keyNode = pair.key as Node
      const offset = keyNode.range?.[0] ?? 0
      const key = this.#toKey(keyNode, path)
      const earlier = seen.get(key)
      if (earlier !== undefined) throw this.#duplicate(key, offset, earlier)
      seen.set(key, offset)
      const isMerge = key === '<<' && isScalar(keyNode) && keyNode.type === 'PLAIN'
      const value = pair.value === null ? null : this.#toTree(pair.value as Node, isMerge ? path : [...path, key])
      if (value === dropped) continue
      if (isMerge) merged.push(...this.#toMergeSources(value, offset))
      else {
        made[key] = value
        this.#context.places.mark(made, key, this.#file, offset)
      }
    }
    // Keys that stand in the map itself win; of several merged maps the first one does.
    for (const source of merged) this.#mergeInto(made, source)
    return made
  }

  #mergeInto(made: Record<string, Tree>, source: Tree): void {
    if (!isMap(source)) return
    for (const key of Object.keys(source)) {
      if (key in made) continue
      made[key] = source[key] ?? null
      this.#context.places.moveKey(source, made, key)
    }
  }

  #toMergeSources(value: Tree, offset: number): readonly Tree[] {
    const sources = Array.isArray(value) ? value : [value]
    if (sources.every((source) => isMap(source))) return sources
    throw failAt(this.#source, offset, this.#context, 'map merge requires map or sequence of maps as the value')
  }

  #toKey(node: Node, path: TreePath): string {
    const value = this.#toTree(node, path)
    if (typeof value === 'string') return value
    // A number too long for a double is text in the tree but no text key.
    const location = path.length === 0 ? 'at top level' : `in ${renderGoPath(path)}`
    const shown = value === dropped ? '!reset' : renderScalar(value)
    const place = toLineColumn(this.#source, node.range?.[0] ?? 0)
    const message = `non-string key ${location}: ${shown}`
    throw new LoadError([
      { message, path: renderPath(path), file: this.#context.path, ...place, hint: 'put the key in quotes' },
    ])
  }

  #duplicate(key: string, offset: number, earlier: number): LoadError {
    const line = toLineColumn(this.#source, earlier).line
    const reason = `mapping key ${JSON.stringify(key)} already defined at line ${line}`
    return failAt(this.#source, offset, this.#context, reason)
  }

  #toList(node: YAMLSeq, path: TreePath): Tree {
    const made: Tree[] = []
    for (const [index, item] of node.items.entries()) {
      const value = this.#toTree(item as Node, [...path, index])
      if (value === dropped) continue
      this.#context.places.markEntry(made, made.length, this.#file, (item as Node).range?.[0] ?? 0)
      made.push(value)
    }
    return made
  }

  #toAliased(node: Alias, path: TreePath): Tree {
    const offset = node.range?.[0] ?? 0
    const start = this.#open.get(node.source)
    if (start !== undefined) {
      const at = renderPath(path)
      const again = renderPath([...path, ...path.slice(start.length)])
      const reason = `cycle detected: node at path ${again} references node at path ${at}`
      const message = `failed to parse ${this.#context.path}: ${reason}`
      throw new LoadError([{ message, path: at, file: this.#context.path, ...toLineColumn(this.#source, offset) }])
    }
    const anchored = this.#anchors.get(node.source)
    if (anchored === undefined) {
      throw failAt(this.#source, offset, this.#context, `unknown anchor '${node.source}' referenced`)
    }
    this.#nodes += anchored.nodes
    this.#context.budget.spend(anchored.nodes, node.source)
    if (path.length + anchored.depth > this.#context.maxDepth) throw tooDeep(this.#source, offset, this.#context)
    for (const reset of anchored.resets) this.#resets.push([...path, ...reset])
    return this.#context.places.clone(anchored.tree)
  }
}

/** Bounded by the depth check, so recursion is safe. */
function depthOf(tree: Tree): number {
  if (tree === null || typeof tree !== 'object') return 0
  let deepest = 0
  for (const entry of Array.isArray(tree) ? tree : Object.values(tree)) deepest = Math.max(deepest, depthOf(entry))
  return deepest + 1
}

function toScalar(node: Scalar): Tree {
  const text = typeof node.value === 'string' ? node.value : ''
  const tag = node.tag
  if (tag === undefined || tag === '!override') return node.type === 'PLAIN' ? resolvePlain(text) : text
  if (!tag.startsWith('tag:yaml.org,2002:')) return text
  const resolved = resolvePlain(text)
  const kind = tag.slice('tag:yaml.org,2002:'.length)
  if (kind === 'null') return null
  if ((kind === 'int' || kind === 'float') && typeof resolved === 'number') return resolved
  if (kind === 'bool' && typeof resolved === 'boolean') return resolved
  return text
}

function renderGoPath(path: TreePath): string {
  return path.map((key, index) => (typeof key === 'number' ? `[${key}]` : index === 0 ? key : `.${key}`)).join('')
}
