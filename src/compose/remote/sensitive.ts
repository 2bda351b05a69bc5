/** What secrets look like that give themselves away by their form. The reference program looks for these as well. */
const forms: readonly (readonly [kind: string, form: RegExp])[] = [
  ['AWS access key', /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/],
  ['GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22,})/],
  ['GitLab token', /\bglpat-[\w-]{20}/],
  ['Google API key', /\bAIza[\w-]{35}/],
  ['HTTP basic authentication', /\bauthorization: *basic +\w/i],
  ['JSON web token', /\beyJ[\w-]{10,}\.eyJ[\w-]{4,}\.[\w-]{4,}/],
  ['private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ['Slack token', /\bxox[abeprs]-[A-Za-z0-9-]{10,}/],
  ['Stripe key', /\b[rs]k_live_[A-Za-z0-9]{16,}/],
  // A variable in its place is published as such.
  ['URL with a password', /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"']*:(?!\$\{?\w)[^\s/@"']+@/i],
]

/** A place where a text may give something away. */
export interface Finding {
  /** Counted from 1. */
  readonly line: number
  /** What it looks like; the secret itself is not shown. */
  readonly kind: string
}

/** Names of variables whose values are not for everyone. */
export const secretName: RegExp = /(?:password|passwd|secret|token|api_?key|private_?key|credential)/i

export function findSensitive(text: string): readonly Finding[] {
  return text
    .split('\n')
    .flatMap((content, index) =>
      forms.flatMap(([kind, form]) => (form.test(content) ? [{ line: index + 1, kind }] : [])),
    )
}

/** Names that an env file gives a value to. */
export function assignedNames(text: string): readonly string[] {
  return [...text.matchAll(/^[ \t]*(?:export[ \t]+)?([^\s#=:]+)[ \t]*[=:][ \t]*\S/gm)].map(([, name = '']) => name)
}
