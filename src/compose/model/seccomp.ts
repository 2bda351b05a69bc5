/** The path of the profile that an entry of `security_opt` names: `seccomp=PATH`, also with a colon. */
export function seccompPath(option: string): string | undefined {
  const value = /^seccomp[=:]([\s\S]*)$/.exec(option)?.[1] ?? ''
  // `unconfined` and `builtin` are the engine's words; text in braces is a profile itself.
  return value === '' || /^(?:unconfined$|builtin$|\{)/.test(value) ? undefined : value
}
