/** One complaint of the validator; the parts `validate.ts` reads. */
export interface SchemaError {
  /** JSON pointer. */
  readonly instancePath: string
  readonly keyword: string
  readonly params: Readonly<Record<string, unknown>>
}

/** Whether the tree is a Compose file; `errors` tells why not. Written by scripts/gen-validators.mjs. */
export const validate: { (tree: unknown): boolean; errors?: readonly SchemaError[] | null }

/** Path pattern → names of the fields allowed there. */
export const fieldNames: Readonly<Record<string, readonly string[]>>
