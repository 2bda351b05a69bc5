/**
 * docker-compose on its own takes `--version` and `-v` before the first word for the command `version`, flags of which
 * may follow: `docker-compose --version --short` (docker/compose cmd/compatibility/convert.go).
 *
 * @param argv the command line without the program; comes back as it is where nothing follows the flag
 */
export function spellVersionCommand(argv: readonly string[]): readonly string[] {
  const word = argv.findIndex((each) => !each.startsWith('-'))
  const leading = word === -1 ? argv : argv.slice(0, word)
  const flag = leading.findIndex((each) => each === '--version' || each === '-v')
  if (flag === -1 || flag === argv.length - 1) return argv
  return [...argv.slice(0, flag), 'version', ...argv.slice(flag + 1)]
}
