/** Flags of `swarm audit`: written out, since each table needs a type of its own. */

export const auditVerifyFlags = {
  expect: {
    kind: 'string',
    brief: 'A line that must be there, as an earlier verify printed it last: it tells when lines were cut off the end',
    placeholder: 'number:hash',
  },
} as const

export const auditShowFlags = {
  user: { kind: 'string', brief: 'Only what they did', placeholder: 'name' },
  since: {
    kind: 'string',
    brief: 'Only from then on: 2026-01-02T03:04:05Z, or 2h for two hours ago',
    placeholder: 'time',
  },
  until: { kind: 'string', brief: 'Only before then, as --since', placeholder: 'time' },
  path: {
    kind: 'string',
    brief: 'Only requests whose path begins so, or fits a pattern with *: /containers/*/exec',
    placeholder: 'path',
  },
  failed: { kind: 'boolean', brief: 'Only what was refused or went wrong' },
  json: { kind: 'boolean', brief: 'Print the lines as they are in the file' },
} as const
