import { Buffer, isUtf8 } from 'node:buffer'
import { GoScalar } from '../model/go-scalar.ts'
import { resolvePlain, toFloat } from './plain.ts'
import type { Tree } from './tree.ts'

/**
 * What a scalar means by its tag, or without one by its form.
 *
 * @returns nothing when the text is not what its tag says
 */
export function toScalar(text: string, tag: string | undefined, isPlain: boolean): Tree | undefined {
  if (tag === undefined || tag === '!override') return isPlain ? resolvePlain(text) : text
  if (!tag.startsWith('tag:yaml.org,2002:')) return text
  const resolved = resolvePlain(text)
  const kind = tag.slice('tag:yaml.org,2002:'.length)
  if (kind === 'null') return null
  if (kind === 'binary') return decodeBinary(text)
  if (kind === 'float') return typeof resolved === 'number' ? toFloat(resolved) : resolved
  if (kind === 'int' && (typeof resolved === 'number' || resolved instanceof GoScalar)) return resolved
  if (kind === 'timestamp' && resolved instanceof GoScalar) return resolved
  if (kind === 'bool' && typeof resolved === 'boolean') return resolved
  return text
}

/** Bytes that are no UTF-8 stay as they are written: a text of this program cannot hold them. */
function decodeBinary(text: string): string | undefined {
  const digits = text.replace(/[\r\n]/g, '')
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(digits)) return undefined
  const bytes = Buffer.from(digits, 'base64')
  return isUtf8(bytes) ? bytes.toString('utf8') : text
}
