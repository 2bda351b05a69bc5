import type { ContainerState } from '../../engine/api/types.ts'

const maxLength = 300

/** What the last check of a container said, as a hint for people; nothing where none has run. */
export function describeLastCheck(state: ContainerState): { readonly hint?: string } {
  const last = state.Health?.Log?.at(-1)
  if (last === undefined) return {}
  const said = last.Output.trim()
  const shown = said.length > maxLength ? `…${said.slice(-maxLength)}` : said
  return { hint: `its last health check ended with ${last.ExitCode}${shown === '' ? '' : ` and said: ${shown}`}` }
}
