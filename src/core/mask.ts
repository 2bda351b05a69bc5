/** Keeping credentials out of logs and errors. Every pattern is linear: messages may quote input of any length. */

const secretWord = 'pass(?:word|wd|phrase)|secret|token|api[-_]?key|private[-_]?key|credential|authorization'
const secretName = new RegExp(`${secretWord}|x-registry-(?:auth|config)|unlock[-_]?key`, 'i')
/** `API_KEY`, `MYKEY`: as environment variables are written; a plain `key=` is no secret. */
const upperKey = /(?:^|[A-Z0-9_])KEY$/

const userInfo = /\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@"']{0,200}):[^\s/@"']+@/gi
/** Who knows the token of a cluster can add engines to it. */
const tokenUrl = /\btoken:\/\/((?:[^\s"'/]{0,255}\/){0,16})[^\s"'/]+/gi
const swarmKey = /\bSWM(?:TKN|KEY)-[\w-]+/g
const assignment = /(?<![\w-])([\w.-]{1,100})=("[^"]*"|'[^']*'|[^\s"',;&]+)/g
/** `KEY=VALUE` in a sentence says how something is written. */
const placeholder = /^VAL(?:UE)?$/
const jsonMember = /"([\w.-]{1,100})"(\s{0,4}:\s{0,4})"(?:[^"\\]|\\.)*"/g
const header = /\b(x-registry-auth|x-registry-config|authorization)(:\s{0,4})(?:(?:basic|bearer)\s+)?[^\s"',;]+/gi

/** True for names whose values are credentials: of flags, environment variables, headers, fields. */
export function isSecretName(name: string): boolean {
  return secretName.test(name) || upperKey.test(name)
}

/**
 * Puts `***` in place of what looks like a credential (reliability.md S-S1): passwords in addresses, values of secret
 * names in `NAME=value` and JSON, registry and authorization headers, tokens of discovery and of swarm mode.
 *
 * @param known values that are secret wherever they stand; shorter than four letters they are left alone
 */
export function maskSecrets(text: string, known: readonly string[] = []): string {
  let masked = text
    .replace(userInfo, '$1:***@')
    .replace(tokenUrl, 'token://$1***')
    .replace(swarmKey, '***')
    .replace(header, '$1$2***')
    .replace(assignment, (whole, name: string, value: string) =>
      isSecretName(name) && !placeholder.test(value) ? `${name}=***` : whole,
    )
    .replace(jsonMember, (whole, name: string, colon: string) =>
      isSecretName(name) ? `"${name}"${colon}"***"` : whole,
    )
  for (const secret of known) if (secret.length >= 4) masked = masked.replaceAll(secret, '***')
  return masked
}
