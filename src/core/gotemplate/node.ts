/** The tree of a template. `at` is the offset in the source, `text` the source of an operand for messages. */

export interface Place {
  readonly at: number
  readonly text: string
}

export type Operand = Place &
  (
    | { readonly kind: 'dot' }
    | { readonly kind: 'nil' }
    | { readonly kind: 'literal'; readonly value: string | number | boolean }
    | { readonly kind: 'variable'; readonly name: string }
    | { readonly kind: 'call'; readonly name: string }
    | { readonly kind: 'pipe'; readonly pipe: Pipe }
    | { readonly kind: 'fields'; readonly base: Operand; readonly names: readonly string[] }
  )

export interface CommandNode extends Place {
  readonly operands: readonly Operand[]
}

export interface Pipe extends Place {
  /** Variables that take the value: one, or two in `range`. */
  readonly names: readonly string[]
  readonly isAssignment: boolean
  readonly commands: readonly CommandNode[]
}

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipe: Pipe }
  | {
      readonly kind: 'if' | 'with' | 'range'
      readonly pipe: Pipe
      readonly body: readonly Node[]
      readonly otherwise: readonly Node[]
    }
  | { readonly kind: 'break' | 'continue' }
