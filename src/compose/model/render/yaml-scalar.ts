import { resolvePlain } from '../../load/plain.ts'

/** How a text is written. */
export type Style = 'plain' | 'single' | 'double' | 'literal'

/** What libyaml's emitter finds out about a text before it chooses a style. */
interface Traits {
  readonly plain: boolean
  readonly single: boolean
  readonly literal: boolean
}

const oldBooleans = /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/
const base60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/

/** Names, paths and images: nothing in them but what may stand plain everywhere, as most texts are. */
const unremarkable = /^[A-Za-z_/][\w./-]*(?::[\w./-]+)*$/

/** The style go-yaml chooses. Texts that would read as something else are put in double quotes. */
export function chooseStyle(text: string, isKey: boolean): Style {
  if (unremarkable.test(text)) return readsAsOther(text) ? 'double' : 'plain'
  const traits = readTraits(text)
  const isMultiline = /[\n\r\u0085\u2028\u2029]/.test(text)
  if (text.includes('\n')) return traits.literal && !isKey ? 'literal' : 'double'
  if (readsAsOther(text)) return 'double'
  if (traits.plain && !isMultiline) return 'plain'
  return traits.single && !(isKey && isMultiline) ? 'single' : 'double'
}

function readsAsOther(text: string): boolean {
  return oldBooleans.test(text) || base60.test(text) || typeof resolvePlain(text) !== 'string'
}

function readTraits(text: string): Traits {
  const hasLead = /^[ \n\r\u0085\u2028\u2029]/.test(text)
  const hasTrail = /[ \n\r\u0085\u2028\u2029]$/.test(text)
  const breakSpace = /[\n\r\u0085\u2028\u2029] /.test(text)
  const spaceBreak = / [\n\r\u0085\u2028\u2029]/.test(text)
  const isSpecial = hasUnprintable(text)
  const plain = !(
    hasLead ||
    hasTrail ||
    breakSpace ||
    spaceBreak ||
    isSpecial ||
    text.includes('\t') ||
    hasIndicator(text)
  )
  return {
    plain,
    single: !(breakSpace || spaceBreak || isSpecial || text.includes('\t')),
    literal: !(text.endsWith(' ') || spaceBreak || isSpecial),
  }
}

function hasIndicator(text: string): boolean {
  if (/^(?:---|\.\.\.)/.test(text)) return true
  if (/^[#,[\]{}&*!|>'"%@`]/.test(text)) return true
  if (/^[?:-](?:[ \t\n\r]|$)/.test(text)) return true
  return /:(?:[ \t\n\r]|$)/.test(text.slice(1)) || /[ \t\n\r]#/.test(text)
}

/** libyaml prints the basic plane only; line feeds and tabs are looked at apart. */
function hasUnprintable(text: string): boolean {
  return /[^\t\n\r\x20-\x7E\u00A0-\uD7FF\uE000-\uFEFE\uFF00-\uFFFD]/.test(text) || text.includes('\r')
}

const escapes: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\x1B': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\u0085': '\\N',
  '\u2028': '\\L',
  '\u2029': '\\P',
}

export function quoteDouble(text: string): string {
  const escaped = text.replace(
    /["\\]|[^\x20-\x7E\u00A0-\u2027\u202A-\uD7FF\uE000-\uFEFE\uFF00-\uFFFD]/gu,
    (character) => {
      const known = escapes[character]
      if (known !== undefined) return known
      const code = character.codePointAt(0) ?? 0
      const digits = code.toString(16).toUpperCase()
      if (code <= 0xff) return `\\x${digits.padStart(2, '0')}`
      return code <= 0xffff ? `\\u${digits.padStart(4, '0')}` : `\\U${digits.padStart(8, '0')}`
    },
  )
  return `"${escaped}"`
}

export function quoteSingle(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
