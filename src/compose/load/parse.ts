import { GoScalar } from '../model/go-scalar.ts'
import { LoadError } from './failure.ts'
import type { NodeBudget } from './budget.ts'
import { toLineColumn } from './place.ts'
import type { Places } from './place.ts'
import { renderScalar } from './plain.ts'
import { TagMismatch, toScalar } from './tagged-scalar.ts'
import { isMap, makeMap, renderPath } from './tree.ts'
import type { Tree, TreePath } from './tree.ts'
import { StrictReaderError, isCollection, isMergeKey, readEventsStrictly } from './yaml-events.ts'
import type { AliasEvent, NodeEvent, ReadEvents, YamlEvent } from './yaml-events.ts'
import { failAt, tooDeep } from './yaml-failure.ts'

/** One document of a file: its tree, and the paths that carried `!reset` or `!override`. */
export interface ParsedDocument {
  readonly tree: Tree
  readonly resets: readonly TreePath[]
  /** The project's `name:` as it is written, also where `!reset` takes it out. */
  readonly name: Tree
}

/** What parsing needs besides the text. */
export interface ParseContext {
  readonly path: string
  readonly places: Places
  readonly budget: NodeBudget
  readonly maxDepth: number
  /** Told when the text holds a scalar that JavaScript has no type for. */
  readonly seen?: { goScalars: boolean }
  /** Asked for what the strict reader refuses. */
  readonly readLaxly?: ReadEvents
}

/**
 * YAML (or JSON) text → one tree a document, aliases and merge keys expanded.
 *
 * Linear in the text. Nesting is bounded while the text is read, and what aliases expand to is counted before it is
 * copied. A library cuts the text into events; what they mean (scalars, duplicate and merge keys, aliases) is decided
 * here, by the rules of the reference program.
 *
 * @throws {compose/invalid} with file, line and column, a StrictReaderError where `readLaxly` is wanting;
 *   {compose/limit} on a bound
 */
export function parseYaml(text: string, context: ParseContext): readonly ParsedDocument[] {
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text
  const file = context.places.addFile(context.path, source)
  const control = source.search(forbidden)
  if (control !== -1) throw failAt(source, control, context, 'control characters are not allowed')
  const events = readEvents(source, context)
  const documents: ParsedDocument[] = []
  // Against YAML, as in the reference program, an anchor may be used in later documents of the file.
  const anchors = new Map<string, Anchored>()
  let at = 0
  while (at < events.length) {
    const converter = new Converter(source, file, context, events, anchors, at)
    documents.push(converter.convert())
    at = converter.end
  }
  return documents
}

/** Characters no YAML stream may hold (YAML 1.2 section 5.1). */
// oxlint-disable-next-line no-control-regex
const forbidden = /[\0-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/

function readEvents(source: string, context: ParseContext): readonly YamlEvent[] {
  try {
    return readEventsStrictly(source, context)
  } catch (error) {
    if (context.readLaxly === undefined || !(error instanceof StrictReaderError)) throw error
    return context.readLaxly(source, context)
  }
}

/** Marks an element that `!reset` takes out. */
const dropped = Symbol('dropped')

interface Anchored {
  readonly tree: Tree | typeof dropped
  readonly nodes: number
  readonly depth: number
  /** Reset paths below the anchor. */
  readonly resets: readonly TreePath[]
}

/** Turns one document's events into a tree. */
class Converter {
  readonly #source: string
  readonly #file: number
  readonly #context: ParseContext
  readonly #events: readonly YamlEvent[]
  readonly #anchors: Map<string, Anchored>
  /** Anchors whose content is being read, with the path they stand at. */
  readonly #open = new Map<string, TreePath>()
  #resets: TreePath[] = []
  #name: Tree = null
  #nodes = 0
  /** Index of the next event. */
  #at: number

  constructor(
    source: string,
    file: number,
    context: ParseContext,
    events: readonly YamlEvent[],
    anchors: Map<string, Anchored>,
    at: number,
  ) {
    this.#source = source
    this.#file = file
    this.#context = context
    this.#events = events
    this.#anchors = anchors
    this.#at = at
  }

  /** Index of the first event behind the document. */
  get end(): number {
    return this.#at
  }

  convert(): ParsedDocument {
    this.#at += 1
    const tree = this.#isClosed() ? null : this.#toTree(this.#next(), [])
    this.#at += 1
    if (tree === dropped) return { tree: null, resets: this.#resets, name: null }
    return { tree, resets: this.#resets, name: this.#name ?? (isMap(tree) ? (tree['name'] ?? null) : null) }
  }

  #next(): NodeEvent {
    const event = this.#events[this.#at]
    this.#at += 1
    return event as NodeEvent
  }

  #isClosed(): boolean {
    return this.#events[this.#at]?.kind === 'end'
  }

  /** Passes over what is left of a node whose first event has been taken. */
  #skip(event: YamlEvent): void {
    let depth = isCollection(event) ? 1 : 0
    for (; depth > 0; this.#at += 1) {
      const next = this.#events[this.#at]
      if (next === undefined) return
      if (isCollection(next)) depth += 1
      else if (next.kind === 'end') depth -= 1
    }
  }

  #toTree(event: NodeEvent, path: TreePath): Tree | typeof dropped {
    if (event.kind === 'alias') return this.#toAliased(event, path)
    const { anchor } = event
    if (anchor === undefined) return this.#toTagged(event, path)
    const [nodesBefore, resetsBefore] = [this.#nodes, this.#resets.length]
    this.#open.set(anchor, path)
    this.#anchors.delete(anchor)
    const tree = this.#toTagged(event, path)
    this.#open.delete(anchor)
    const resets = this.#resets.slice(resetsBefore).map((reset) => reset.slice(path.length))
    const depth = tree === dropped ? 0 : depthOf(tree)
    this.#anchors.set(anchor, { tree, nodes: this.#nodes - nodesBefore, depth, resets })
    return tree
  }

  #toTagged(event: Exclude<NodeEvent, AliasEvent>, path: TreePath): Tree | typeof dropped {
    this.#nodes += 1
    this.#context.budget.spend(1)
    const { tag } = event
    if (tag === '!reset') {
      this.#resets.push(path)
      if (path.length === 1 && path[0] === 'name' && event.kind === 'scalar') this.#name = event.text
      this.#skip(event)
      return dropped
    }
    if (tag === '!override') this.#resets.push(path)
    if (event.kind === 'scalar') return this.#toScalar(event)
    return event.kind === 'map' ? this.#toMap(path) : this.#toList(path)
  }

  #toScalar(event: Extract<NodeEvent, { readonly kind: 'scalar' }>): Tree {
    const scalar = toScalar(event.text, event.tag, event.isPlain)
    if (scalar instanceof TagMismatch) throw this.#fail(scalar.reason, event.offset)
    if (scalar instanceof GoScalar && this.#context.seen !== undefined) this.#context.seen.goScalars = true
    return scalar
  }

  #toMap(path: TreePath): Tree {
    const made = makeMap()
    const seen = new Map<string, number>()
    const merged: Tree[] = []
    while (!this.#isClosed()) {
      const keyEvent = this.#next()
      const { offset } = keyEvent
      const key = this.#toKey(keyEvent, path)
      const earlier = seen.get(key)
      if (earlier !== undefined) throw this.#duplicate(key, offset, earlier)
      seen.set(key, offset)
      const isMerge = key === '<<' && isMergeKey(keyEvent)
      const value = this.#toTree(this.#next(), isMerge ? path : [...path, key])
      if (value === dropped) continue
      if (isMerge) merged.push(...this.#toMergeSources(value, offset))
      else {
        made[key] = value
        this.#context.places.mark(made, key, this.#file, offset)
      }
    }
    this.#at += 1
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
    throw this.#fail('map merge requires map or sequence of maps as the value', offset)
  }

  /** What the reference program's decoder refuses; its words name no line. */
  #fail(reason: string, offset: number): LoadError {
    const message = `failed to parse ${this.#context.path}: yaml: ${reason}`
    const place = toLineColumn(this.#source, offset)
    return new LoadError([{ message, path: '', file: this.#context.path, ...place }])
  }

  #toKey(event: NodeEvent, path: TreePath): string {
    // On a key such tags say nothing: the value is what is reset.
    if (event.kind === 'scalar' && (event.tag === '!reset' || event.tag === '!override')) return event.text
    const value = this.#toTree(event, path)
    if (typeof value === 'string') return value
    const location = path.length === 0 ? 'at top level' : `in ${renderGoPath(path)}`
    const shown = value === dropped ? '!reset' : renderScalar(value)
    const place = toLineColumn(this.#source, event.offset)
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

  #toList(path: TreePath): Tree {
    const made: Tree[] = []
    for (let index = 0; !this.#isClosed(); index += 1) {
      const event = this.#next()
      const value = this.#toTree(event, [...path, index])
      if (value === dropped) continue
      this.#context.places.markEntry(made, made.length, this.#file, event.offset)
      made.push(value)
    }
    this.#at += 1
    return made
  }

  #toAliased({ anchor, offset }: AliasEvent, path: TreePath): Tree | typeof dropped {
    const start = this.#open.get(anchor)
    if (start !== undefined) {
      const at = renderPath(path)
      const again = renderPath([...path, ...path.slice(start.length)])
      const reason = `cycle detected: node at path ${again} references node at path ${at}`
      const message = `failed to parse ${this.#context.path}: ${reason}`
      throw new LoadError([{ message, path: at, file: this.#context.path, ...toLineColumn(this.#source, offset) }])
    }
    const anchored = this.#anchors.get(anchor)
    if (anchored === undefined) {
      throw failAt(this.#source, offset, this.#context, `unknown anchor '${anchor}' referenced`)
    }
    this.#nodes += anchored.nodes
    this.#context.budget.spend(anchored.nodes, anchor)
    if (path.length + anchored.depth > this.#context.maxDepth) throw tooDeep(this.#source, offset, this.#context)
    for (const reset of anchored.resets) this.#resets.push([...path, ...reset])
    return anchored.tree === dropped ? dropped : this.#context.places.clone(anchored.tree)
  }
}

/** Bounded by the depth check, so recursion is safe. */
function depthOf(tree: Tree): number {
  if (!isMap(tree) && !Array.isArray(tree)) return 0
  let deepest = 0
  for (const entry of Array.isArray(tree) ? tree : Object.values(tree)) deepest = Math.max(deepest, depthOf(entry))
  return deepest + 1
}

function renderGoPath(path: TreePath): string {
  return path.map((key, index) => (typeof key === 'number' ? `[${key}]` : index === 0 ? key : `.${key}`)).join('')
}
