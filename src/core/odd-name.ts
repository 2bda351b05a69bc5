import { Buffer, isUtf8 } from 'node:buffer'

/**
 * Names of files are bytes, and not always text. A byte that is none is carried through our strings as one code unit that
 * no text has, so that the name can be made of them again (as Python does it: PEP 383).
 */

const firstOdd = 0xdc00
const longestCharacter = 4

/** The name of a file as a string that keeps every byte. */
export function decodeName(name: Buffer): string {
  if (isUtf8(name)) return name.toString('utf8')
  let text = ''
  for (let at = 0; at < name.length;) {
    const length = characterAt(name, at)
    text += length === 0 ? String.fromCharCode(firstOdd + (name[at] ?? 0)) : name.toString('utf8', at, at + length)
    at += Math.max(length, 1)
  }
  return text
}

/** Bytes of the character that begins there; 0: none does. */
function characterAt(name: Buffer, at: number): number {
  for (let length = 1; length <= Math.min(longestCharacter, name.length - at); length += 1) {
    if (isUtf8(name.subarray(at, at + length))) return length
  }
  return 0
}

/** Whether a name or path holds bytes that are no text. */
export function isOddName(name: string): boolean {
  return /[\udc80-\udcff]/u.test(name)
}

/** The bytes of a name or path. */
export function encodeName(name: string): Buffer {
  if (!isOddName(name)) return Buffer.from(name, 'utf8')
  const parts = name.split(/([\udc80-\udcff])/u)
  return Buffer.concat(
    parts.map((part, index) =>
      index % 2 === 0 ? Buffer.from(part, 'utf8') : Buffer.of(part.charCodeAt(0) - firstOdd),
    ),
  )
}

/** A path as the file system takes it. */
export function toFilePath(path: string): string | Buffer {
  return isOddName(path) ? encodeName(path) : path
}

/** For people to read, in quotes. */
export function quoteName(name: string): string {
  return JSON.stringify(name).replaceAll(/\\udc([89a-f][0-9a-f])/g, String.raw`\x$1`)
}
