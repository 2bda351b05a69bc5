/** Keeping credentials out of logs and errors. Every pattern is linear: messages may quote input of any length. */

const secretWord = 'pass(?:word|wd|phrase)|secret|token|api[-_]?key|private[-_]?key|credential|authorization'
const secretName = new RegExp(`${secretWord}|x-registry-(?:auth|config)|unlock[-_]?key`, 'i')
/** `API_KEY`, `MYKEY`: as environment variables are written; a plain `key=` is no secret. */
const upperKey = /(?:^|[A-Z0-9_])KEY$/

const userInfo = /\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@"']{0,200}):[^\s/@"']+@/gi
/** Who knows the token of a cluster can add engines to it. */
const tokenUrl = /\btoken:\/\/((?:[^\s"'/]{0,255}\/){0,16})([^\s"'/]+)/gi
const swarmKey = /\bSWM(?:TKN|KEY)-[\w-]+/g
const assignment = /(?<![\w-])([\w.-]{1,100})=("[^"]*"|'[^']*'|[^\s"',;&]+)/g
/** `KEY=VALUE` and `token://HOST/v1/TOKEN` in a sentence say how something is written. */
const placeholder = /^(?:VAL(?:UE)?|TOKEN)$/
const jsonMember = /"([\w.-]{1,100})"(\s{0,4}:\s{0,4})"(?:[^"\\]|\\.)*"/g
const header = /\b(x-registry-auth|x-registry-config|authorization)(:\s{0,4})(?:(?:basic|bearer)\s+)?[^\s"',;]+/gi

/** True for names whose values are credentials: of flags, environment variables, headers, fields. */
export function isSecretName(name: string): boolean {
  return secretName.test(name) || upperKey.test(name)
}

/** Also names that merely mention a key or a credential: where to show too little does no harm. */
const looseName = /pass|pwd|secret|token|key|cred|auth/i

/** As `isSecretName`, and on the safe side: for variables and fields that are written down for good (S-S1: audit). */
export function isLikelySecretName(name: string): boolean {
  return looseName.test(name)
}

const anyUserInfo = /\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/@"']{1,1000}@/gi
const privateKey = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{0,65536}(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?/g
/** `--db-password hunter2` within a line of shell. */
const secretFlag =
  /(?<![\w-])(--?[\w-]{0,60}(?:password|passwd|passphrase|secret|token|api-?key|credential)[\w-]{0,60})(\s{1,4}|=)(?![-\s])("[^"]*"|'[^']*'|[^\s"';&|]+)/gi

/** As `maskSecrets`, and user names in addresses, keys in PEM and values of flags too. */
export function maskThoroughly(text: string): string {
  return maskSecrets(
    text.replace(privateKey, '*** private key ***').replace(anyUserInfo, '$1***@').replace(secretFlag, '$1$2***'),
  )
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
    .replace(tokenUrl, (whole, place: string, token: string) =>
      placeholder.test(token) ? whole : `token://${place}***`,
    )
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
