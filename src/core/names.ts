/** What engines accept as the name of a container, network or volume: two characters or more, no leading dash. */
export function isObjectName(text: string): boolean {
  return text.length <= 255 && /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(text)
}

/** What docker-machine accepts as the name of a host (libmachine/host/host.go). */
export function isHostName(text: string): boolean {
  return text.length <= 253 && /^[a-zA-Z0-9][a-zA-Z0-9\-.]*$/.test(text)
}

/** What Compose accepts as the name of a project. */
export function isProjectName(text: string): boolean {
  return text.length <= 255 && /^[a-z0-9][a-z0-9_-]*$/.test(text)
}

/**
 * Turns any text into a project name the way Compose does with folder names: lower case, letters, digits,
 * `_` and `-` only, nothing of that in front. May be empty.
 */
export function toProjectName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^-_a-z0-9]/g, '')
    .replace(/^[_-]+/, '')
}

/** Order in which people count: `m2` before `m10`, upper and lower case alike; equal only when identical. */
export function compareNatural(a: string, b: string): number {
  const left = splitNumbers(a.toLowerCase())
  const right = splitNumbers(b.toLowerCase())
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const order = comparePart(left[index] ?? '', right[index] ?? '')
    if (order !== 0) return order
  }
  if (left.length !== right.length) return left.length - right.length
  return a < b ? -1 : a > b ? 1 : 0
}

function splitNumbers(text: string): readonly string[] {
  return text.match(/\d+|\D+/g) ?? []
}

function comparePart(a: string, b: string): number {
  const [first, second] = [a.replace(/^0+(?=\d)/, ''), b.replace(/^0+(?=\d)/, '')]
  const areNumbers = /^\d/.test(a) && /^\d/.test(b)
  if (areNumbers && first.length !== second.length) return first.length - second.length
  return first < second ? -1 : first > second ? 1 : 0
}
