import { makeFailure } from './failure.ts'

/** Lower case letters, digits, `-` and `_`, starting with a letter or digit; everything else is dropped. */
export function normalizeProjectName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '')
}

/**
 * A name given by flag or variable must be in normal form already.
 *
 * @throws {compose/invalid}
 */
export function checkProjectName(name: string): string {
  if (normalizeProjectName(name) === name) return name
  throw makeFailure(
    `invalid project name ${JSON.stringify(name)}: must consist only of lowercase alphanumeric characters, ` +
      'hyphens, and underscores as well as start with a letter or number',
    'compose/invalid',
    normalizeProjectName(name) === '' ? undefined : `use "${normalizeProjectName(name)}"`,
  )
}
