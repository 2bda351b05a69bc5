import { parseEnvFile } from '../load/env-file.ts'
import { defaultLimits } from '../load/limits.ts'
import { makeDictionary } from '../model/dictionary.ts'

/** A variable without default, which is published as such. */
const variable = String.raw`\$(?:\w+|\{\w+(?::?(?:\?[^}]*|-))?\})`

/** What secrets look like that give themselves away by their form. The reference program looks for these as well. */
const forms: readonly (readonly [kind: string, form: RegExp])[] = [
  ['AWS access key', /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/],
  ['GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22,})/],
  ['GitLab token', /\bglpat-[\w-]{20}/],
  ['Google API key', /\bAIza[\w-]{35}/],
  ['HTTP basic authentication', /\bauthorization["']?[:=] *["']?basic +\w/i],
  ['JSON web token', /\beyJ[\w-]{10,}\.eyJ[\w-]{4,}\.[\w-]{4,}/],
  ['private key', /-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----/],
  ['Slack token', /\bxox[abeprs]-[A-Za-z0-9-]{10,}/],
  ['Stripe key', /\b[rs]k_live_[A-Za-z0-9]{16,}/],
  [
    'URL with a password',
    new RegExp(String.raw`\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@"']*:(?!${variable}@)[^\s/@"']+@`, 'i'),
  ],
  [
    'option with a secret',
    // What begins with a slash is the place of one.
    new RegExp(
      String.raw`--[\w-]{0,64}(?:password|passwd|secret|token|api-?key)=(?!/|${variable}(?:[\s"',]|$))[^\s"',]`,
      'i',
    ),
  ],
]

/** A place where a text may give something away. */
export interface Finding {
  /** Counted from 1. */
  readonly line: number
  /** What it looks like; the secret itself is not shown. */
  readonly kind: string
}

/** Names of variables whose values are not for everyone. */
export const secretName: RegExp =
  /(?:password|passwd|passphrase|_pass(?:$|_)|_pwd(?:$|_)|secret|token|api_?key|access_?key|private_?key|credential)/i

export function findSensitive(text: string): readonly Finding[] {
  return text
    .split('\n')
    .flatMap((content, index) =>
      forms.flatMap(([kind, form]) => (form.test(content) ? [{ line: index + 1, kind }] : [])),
    )
}

/** Names that an env file gives a value to. Of one that cannot be read those that cannot be part of a value of many lines. */
export function assignedNames(text: string): readonly string[] {
  const found = makeDictionary<string>()
  try {
    parseEnvFile(text, found, { lookUp: () => '', limits: defaultLimits })
    return Object.keys(found).filter((name) => found[name] !== '')
  } catch {
    return [...text.matchAll(/^[ \t]*(?:export[ \t]+)?([A-Z_][A-Z0-9_]*)[ \t]*[=:][ \t]*\S/gm)].map(
      ([, name = '']) => name,
    )
  }
}
