/** The parts of JSON Schema that the table of fields uses. */
export interface Schema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly oneOf?: readonly Schema[]
  readonly $ref?: string
}

/** A whole file. */
export const composeSchema: Schema & { readonly definitions: Readonly<Record<string, Schema>> }
