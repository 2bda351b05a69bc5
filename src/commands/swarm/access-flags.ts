/** Flags of `swarm access …`: each table has a type of its own. */

export const accessCheckFlags = {
  format: { kind: 'string', default: 'table', choices: ['table', 'json'], brief: 'Print a table or JSON' },
} as const

export const accessTokenFlags = {
  format: { kind: 'string', default: 'text', choices: ['text', 'json'], brief: 'Print two lines of text, or JSON' },
} as const
