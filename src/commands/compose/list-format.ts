import { FlotillaError } from '../../core/errors.ts'

/** The forms in which `ls` and `images` show their lists. */
export type ListFormat = 'table' | 'json'

/**
 * `--format` of `ls` and `images`: in any case, `pretty` as another word for the table, and nothing at all, as of a
 * variable that is not set (docker/compose cmd/formatter/formatter.go).
 *
 * @throws {cli/invalid-value}
 */
export function readListFormat(text: string): ListFormat {
  const format = text.toLowerCase()
  if (format === 'json') return 'json'
  if (format === '' || format === 'table' || format === 'pretty') return 'table'
  throw new FlotillaError(
    'cli/invalid-value',
    `format value ${JSON.stringify(text)} could not be parsed: parsing failed`,
  )
}
