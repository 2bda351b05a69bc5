/**
 * How one field is read, printed and hashed. The tables in this folder are the only place that knows the
 * order of fields; binding, `config` output and the hash all follow them.
 *
 * | kind | in the file | in the model | printed |
 * |---|---|---|---|
 * | text | text or whole number | string | unless empty |
 * | flag / maybe-flag | boolean or its words | boolean | unless false / whenever set |
 * | whole / maybe-whole | number | number | unless 0 / whenever set |
 * | uint16 / uint32 | whole number from 0 | number | unless 0 |
 * | port / uint64 / maybe-uint64 | the same, also as text | number | unless 0 / unless 0 / whenever set |
 * | fraction | number | nearest float32 | unless 0 |
 * | bytes | `64m` | number | as text, unless 0 |
 * | bytes-or-none | the same or -1 | number | as text, unless 0 |
 * | duration / maybe-duration | `1m30s`, `1d` | nanoseconds | Go's form, unless 0 / whenever set |
 * | mode | number or octal text | number | `0440`, whenever set |
 * | texts | list, or one text | strings | unless empty |
 * | command | shell words or list | strings | YAML and JSON: null when unset |
 * | test | shell text or list | strings | unless empty |
 * | pairs / labels | map or `k=v` list, null = '' | dictionary | unless empty |
 * | maybe-pairs | the same, null kept | dictionary | unless empty |
 * | options | map, null = '' | dictionary | unless empty |
 * | text-options | map of texts or whole numbers, null = '' | dictionary | unless empty |
 * | many-options | map of one or more | dictionary of lists | unless empty |
 * | hosts | map or list | dictionary of lists | sorted `host=ip` list |
 * | count | number or `all` | number, -1 for all | unless 0 |
 * | ulimit | number or `{soft, hard}` | `{single}` or `{soft, hard}` | as it was given |
 * | ssh | map of id to path | list | `id` or `id: path` |
 * | env-file | `{path, required, format}` | the same | the path alone when required |
 */
export type ScalarKind =
  | 'text'
  | 'flag'
  | 'maybe-flag'
  | 'whole'
  | 'maybe-whole'
  | 'uint16'
  | 'uint32'
  | 'port'
  | 'uint64'
  | 'maybe-uint64'
  | 'fraction'
  | 'bytes'
  | 'bytes-or-none'
  | 'duration'
  | 'maybe-duration'
  | 'mode'
  | 'texts'
  | 'command'
  | 'test'
  | 'pairs'
  | 'labels'
  | 'maybe-pairs'
  | 'options'
  | 'text-options'
  | 'many-options'
  | 'hosts'
  | 'count'
  | 'ulimit'
  | 'ssh'
  | 'env-file'

export type Kind =
  | ScalarKind
  /** `isInline`: a Go value and not a pointer: JSON prints it even when nothing is set. */
  | { readonly kind: 'struct'; readonly struct: Struct; readonly isInline?: true }
  | { readonly kind: 'list'; readonly of: Kind }
  /** Names chosen by the user. Entries may be null when `isNullable`. */
  | { readonly kind: 'map'; readonly of: Kind; readonly isNullable?: true }

/** `always`: printed even when empty or zero. */
export type Field = readonly [name: string, kind: Kind, keep?: 'always']

export interface Struct {
  readonly fields: readonly Field[]
  /** `x-` keys are kept. */
  readonly isExtensible: boolean
  /** JSON names start with a capital: Go structs without JSON names. */
  readonly isCapitalized?: true
}

/** A struct with `x-` keys. */
export function struct(fields: readonly Field[]): Struct {
  return { fields, isExtensible: true }
}

export function structOf(value: Struct): Kind {
  return { kind: 'struct', struct: value }
}

export function inlineOf(value: Struct): Kind {
  return { kind: 'struct', struct: value, isInline: true }
}

export function listOf(of: Kind): Kind {
  return { kind: 'list', of }
}

export function mapOf(of: Kind): Kind {
  return { kind: 'map', of }
}

export function mapOfNullable(of: Kind): Kind {
  return { kind: 'map', of, isNullable: true }
}
