import { FlotillaError, isFlotillaError } from '../../core/errors.ts'

/** Runs a template; docker-machine put these words before what Go said of a bad one. */
export function withTemplateError<T>(body: () => T): T {
  try {
    return body()
  } catch (error) {
    if (!isFlotillaError(error)) throw error
    throw new FlotillaError(error.code, `template parsing error: ${error.message}`, { cause: error })
  }
}
