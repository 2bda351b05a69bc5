/** Natural order without regard to case: `m2` before `m10`. Names that differ only in case keep a fixed order. */
export function compareNames(a: string, b: string): number {
  const left = split(a.toLowerCase())
  const right = split(b.toLowerCase())
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const order = comparePart(left[at] ?? '', right[at] ?? '')
    if (order !== 0) return order
  }
  return a < b ? -1 : a > b ? 1 : 0
}

function split(name: string): readonly string[] {
  return name.match(/\d+|\D+/g) ?? []
}

function comparePart(a: string, b: string): number {
  if (/^\d+$/.test(a) && /^\d+$/.test(b)) {
    const [left, right] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')]
    if (left.length !== right.length) return left.length - right.length
    if (left !== right) return left < right ? -1 : 1
  }
  return a < b ? -1 : a > b ? 1 : 0
}
