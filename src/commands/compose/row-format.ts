import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import { renderFormat } from '../../ui/format.ts'

/**
 * Fills a `--format` template for each row, as docker's formatters do: a field that rows of this kind do not have is an
 * error and no `<no value>`, so that a slip in a script does not pass for an empty answer.
 *
 * @param headings field name → heading
 * @param typeName what Go calls the rows
 * @throws {core/template} in docker's words
 */
export function renderDockerRows(
  format: string,
  headings: Readonly<Record<string, string>>,
  rows: readonly unknown[],
  typeName: string,
): string {
  try {
    return renderFormat(format, { ...headings, Label: toLabelHeading }, rows, { typeName })
  } catch (error) {
    if (!isFlotillaError(error) || error.code !== 'core/template') throw error
    throw new FlotillaError('core/template', `template parsing error: ${error.message}`, { cause: error })
  }
}

/** docker/cli cli/command/formatter: the column of `{{.Label "a.b.own-name"}}` is headed by the end of that name. */
function toLabelHeading(name: string): string {
  return (name.split('.').at(-1) ?? '').replaceAll(/[-_]/g, ' ')
}
