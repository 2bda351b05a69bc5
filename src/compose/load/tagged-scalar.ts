import { Buffer, isUtf8 } from 'node:buffer'
import { GoScalar } from '../model/go-scalar.ts'
import { resolvePlain, toFloat } from './plain.ts'
import type { Tree } from './tree.ts'

/** Why a text is not what its tag says, in the words of the reference program. */
export class TagMismatch {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

/** What the names of YAML's own tags begin with. */
const yamlTag = 'tag:yaml.org,2002:'

/**
 * What a scalar means by its tag, or without one by its form. Tags of other making, `!override` among them, say nothing but
 * "text": `!override 1.10` keeps its zero.
 */
export function toScalar(text: string, tag: string | undefined, isPlain: boolean): Tree | TagMismatch {
  // `!` alone asks for no kind.
  if (tag === undefined || tag === '!') return isPlain ? resolvePlain(text) : text
  if (!tag.startsWith(yamlTag)) return text
  const kind = tag.slice(yamlTag.length)
  if (kind === 'binary') return decodeBinary(text)
  if (!['null', 'bool', 'int', 'float', 'timestamp'].includes(kind)) return text
  const resolved = resolvePlain(text)
  const found = kindOf(resolved, kind)
  if (found === kind) return resolved
  if (kind === 'float' && typeof resolved === 'number') return toFloat(resolved)
  if (kind === 'float' && resolved instanceof GoScalar && resolved.type === 'int') return resolved.number
  return new TagMismatch(`cannot decode !!${found} \`${text}\` as a !!${kind}`)
}

/** The kind of a scalar by its form. A date is one only where that is asked for. */
function kindOf(value: Tree, wanted: string): string {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0) ? 'int' : 'float'
  if (!(value instanceof GoScalar)) return 'str'
  if (value.kind === 'time') return wanted === 'timestamp' ? 'timestamp' : 'str'
  return value.kind === 'whole' ? 'int' : 'float'
}

/** Bytes that are no UTF-8 stay as they are written: a text of this program cannot hold them. */
function decodeBinary(text: string): string | TagMismatch {
  const digits = text.replace(/[\r\n]/g, '')
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(digits)) {
    return new TagMismatch('!!binary value contains invalid base64 data')
  }
  const bytes = Buffer.from(digits, 'base64')
  return isUtf8(bytes) ? bytes.toString('utf8') : text
}
