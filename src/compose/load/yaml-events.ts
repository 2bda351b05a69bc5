import { EVENT_ID, SCALAR_STYLE, YAMLException, getScalarValue, parseEvents } from 'js-yaml'
import type { Event, ScalarEvent } from 'js-yaml'
import { LoadError } from './failure.ts'
import { failAt, tooDeep } from './yaml-failure.ts'
import type { TextContext } from './yaml-failure.ts'

/** What stands before a node. */
interface Properties {
  /** Where the node begins in the text, its tag and anchor left out; UTF-16 units. */
  readonly offset: number
  /** `!name`, or the whole name of a tag of YAML itself such as `tag:yaml.org,2002:int`. */
  readonly tag: string | undefined
  readonly anchor: string | undefined
}

/** The use of an anchor. */
export interface AliasEvent {
  readonly kind: 'alias'
  readonly offset: number
  readonly anchor: string
}

/** A node, the first thing told of it. What a map (key, value, key, …) or a list holds follows up to an `end`. */
export type NodeEvent =
  | (Properties & { readonly kind: 'map' | 'list' })
  | (Properties & { readonly kind: 'scalar'; readonly text: string; readonly isPlain: boolean })
  | AliasEvent

/** A text as what follows on what: a `document` holds one node or none up to its `end`. */
export type YamlEvent = NodeEvent | { readonly kind: 'document' | 'end' }

/** Tells what has an `end` from what has none. */
export function isCollection(event: YamlEvent): boolean {
  return event.kind === 'map' || event.kind === 'list'
}

/** `<<` in quotes is a key like any other, unless its tag says more. */
export function isMergeKey(event: NodeEvent): boolean {
  if (event.kind !== 'scalar') return false
  return event.tag === undefined || event.tag === '!' ? event.isPlain : event.tag === 'tag:yaml.org,2002:merge'
}

/** Reads a text into events. @throws LoadError with its place */
export type ReadEvents = (source: string, context: TextContext) => readonly YamlEvent[]

/**
 * The quick reader refuses the text. It keeps to the letter of YAML 1.2; a reader that is laxer, as that of the reference
 * program is, may still take it.
 */
export class StrictReaderError extends LoadError {}

/**
 * Reads a text with js-yaml: about five times as quick as a reader that keeps a syntax tree, and strict. A closing bracket
 * that does not stand deeper than its key is one of the things it refuses and people write.
 *
 * @throws StrictReaderError; {compose/limit} when nested too deep
 */
export const readEventsStrictly: ReadEvents = (source, context) => {
  let lastOffset = 0
  const toEvent = (event: Event): YamlEvent => {
    if (event.type === EVENT_ID.DOCUMENT) return { kind: 'document' }
    if (event.type === EVENT_ID.POP) return { kind: 'end' }
    if (event.type === EVENT_ID.ALIAS) {
      lastOffset = event.anchorEnd
      return { kind: 'alias', offset: event.anchorStart - 1, anchor: source.slice(event.anchorStart, event.anchorEnd) }
    }
    const tag = event.tagStart === -1 ? undefined : toTagName(source.slice(event.tagStart, event.tagEnd))
    const anchor = event.anchorStart === -1 ? undefined : source.slice(event.anchorStart, event.anchorEnd)
    if (event.type !== EVENT_ID.SCALAR) {
      return { kind: event.type === EVENT_ID.MAPPING ? 'map' : 'list', offset: event.start, tag, anchor }
    }
    const offset = offsetOf(source, event, lastOffset)
    lastOffset = Math.max(lastOffset, event.valueEnd)
    const text = getScalarValue(source, event)
    return { kind: 'scalar', offset, tag, anchor, text, isPlain: event.style === SCALAR_STYLE.PLAIN }
  }
  const events = cut(source, context)
  if (source.includes('%TAG') && events.some(hasTagHandles))
    throw refuse(source, 0, context, 'tag handles are not known here')
  return events.map(toEvent)
}

/** A document that gives tags names of its own is left to the other reader. */
function hasTagHandles(event: Event): boolean {
  return event.type === EVENT_ID.DOCUMENT && event.directives.some(({ kind }) => kind === 'tag')
}

function refuse(source: string, offset: number, context: TextContext, reason: string): StrictReaderError {
  return new StrictReaderError(failAt(source, offset, context, reason, 'yaml: ').problems)
}

function cut(source: string, context: TextContext): readonly Event[] {
  try {
    // The bound is one of collections; the library counts what stands in the innermost one too.
    return parseEvents(source, { maxDepth: context.maxDepth + 1 })
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error
    const offset = error.mark?.position ?? 0
    if (error.reason.startsWith('nesting exceeded')) throw tooDeep(source, offset, context)
    throw refuse(source, offset, context, error.reason)
  }
}

/** An empty value is where the text before it ends, a quoted one at its quote, a block at its bar. */
function offsetOf(source: string, event: ScalarEvent, lastOffset: number): number {
  const { style, valueStart } = event
  if (valueStart === -1) return Math.max(lastOffset, event.tagStart, event.anchorStart)
  if (style === SCALAR_STYLE.PLAIN) return valueStart
  if (style !== SCALAR_STYLE.LITERAL_BLOCK && style !== SCALAR_STYLE.FOLDED_BLOCK) return valueStart - 1
  const lineStart = source.lastIndexOf('\n', valueStart - 2) + 1
  return lineStart + source.slice(lineStart, valueStart).search(/[|>][-+0-9]*\s*(?:#.*)?$/)
}

/** `!!int` and `!<tag:yaml.org,2002:int>` are two spellings of one tag. */
function toTagName(text: string): string {
  if (text.startsWith('!<')) return text.slice(2, -1)
  return text.startsWith('!!') ? `tag:yaml.org,2002:${text.slice(2)}` : text
}
