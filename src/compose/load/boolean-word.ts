/**
 * A boolean as text: `true`, `false`, and the words YAML had for them before version 1.2, which are warned of
 * (compose-go loader/interpolate.go toBoolean).
 *
 * @returns nothing for any other text
 */
export function readBooleanWord(text: string, warn: (message: string) => void): boolean | undefined {
  const word = text.toLowerCase()
  if (word === 'true' || word === 'false') return word === 'true'
  const isYes = ['y', 'yes', 'on'].includes(word)
  if (!isYes && !['n', 'no', 'off'].includes(word)) return undefined
  warn(`"${text}" for boolean is not supported by YAML 1.2, please use \`${String(isYes)}\``)
  return isYes
}
