import { readLimitSettings } from '../../compose/load/limit-settings.ts'
import type { LoadLimits } from '../../compose/load/limits.ts'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import { readTextFile } from '../../io/files.ts'
import { configProblem, parseConfig } from '../../plugin/parse-config.ts'

/** The `limits` of a configuration file. @throws {plugin/invalid} naming the file and what is wrong in it */
export async function readConfiguredLimits(file: string): Promise<Partial<LoadLimits>> {
  const config = parseConfig(await readTextFile(file), file)
  const value: unknown = Object.hasOwn(config, 'limits') ? Reflect.get(config, 'limits') : undefined
  try {
    return readLimitSettings(value)
  } catch (error) {
    if (!isFlotillaError(error)) throw error
    const { code, message } = configProblem(file, error.message, error)
    throw new FlotillaError(code, message, { cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) })
  }
}
