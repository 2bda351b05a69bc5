/** Set by the bundler; absent when the sources run as they are. */
declare const FLOTILLA_COMMIT: string | undefined

/** The version of this package; a test holds it equal to package.json. */
export const programVersion = '0.1.0'

/** Abbreviated commit the program was built from, or `dev`. */
export function programCommit(): string {
  return typeof FLOTILLA_COMMIT === 'string' ? FLOTILLA_COMMIT : 'dev'
}
