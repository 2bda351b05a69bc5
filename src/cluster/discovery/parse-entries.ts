/** Reading of address lists, shared by all back ends. */

/** Most addresses one range may stand for. */
const maxRange = 10_000
/** Most addresses of one list. */
const maxAddresses = 100_000

/** Addresses that could be read, in the order given and without duplicates, and what was wrong with the others. */
export interface Entries {
  readonly addresses: readonly string[]
  readonly problems: readonly string[]
}

/** Reads entries, each an address or a range of them. */
export function parseEntries(texts: readonly string[]): Entries {
  const addresses = new Set<string>()
  const problems: string[] = []
  for (const [index, text] of texts.entries()) {
    if (addresses.size + problems.length >= maxAddresses) {
      const left = String(texts.length - index)
      problems.push(`more than ${String(maxAddresses)} addresses: ${left} entries are left out`)
      break
    }
    const expanded = expandRange(text)
    if (typeof expanded === 'string') {
      problems.push(expanded)
      continue
    }
    for (const each of expanded) {
      const problem = findProblem(each)
      if (problem === undefined) addresses.add(toAddress(each))
      else problems.push(problem)
    }
  }
  return { addresses: [...addresses], problems }
}

const rangePattern = /\[(.+):(.+)\]/
const integerPattern = /^[+-]?\d+$/

/**
 * `10.0.0.[1:3]:2375` stands for three addresses; both ends count, leading zeros are lost, a range that runs
 * backwards is empty, anything but integers stays as it is (moby pkg/discovery/generator.go).
 *
 * @returns the addresses, or a problem as text
 */
function expandRange(text: string): readonly string[] | string {
  const match = text.includes('[') ? rangePattern.exec(text) : null
  const [from, to] = [match?.[1] ?? '', match?.[2] ?? '']
  if (match === null || !integerPattern.test(from) || !integerPattern.test(to)) return [text]
  const [first, last] = [Number(from), Number(to)]
  if (last - first >= maxRange) return `address ${text}: the range has more than ${String(maxRange)} addresses`
  const before = text.slice(0, match.index)
  const after = text.slice(match.index + match[0].length)
  const addresses: string[] = []
  for (let value = first; value <= last; value += 1) addresses.push(`${before}${String(value)}${after}`)
  return addresses
}

/** Characters of an entry that is told. No address is longer. */
const longestTold = 300

/** Engines that are not reached by `host:port`: taken as they are. */
const otherKinds = /^(?:ssh|unix|npipe):\/\/\S+$/

function toAddress(text: string): string {
  return text.replace(/^tcp:\/\//, '')
}

function findProblem(whole: string): string | undefined {
  const text = whole.length > longestTold ? `${whole.slice(0, longestTold)}…` : whole
  if (otherKinds.test(text)) return undefined
  const address = toAddress(text)
  const match = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(address)
  if (match === null) {
    const isIpv6 = !address.startsWith('[') && address.split(':').length > 2
    return `address ${text}: ${isIpv6 ? 'too many colons in address' : 'missing port in address'}`
  }
  const host = match[1] ?? match[2] ?? ''
  const port = Number(match[3])
  if (!/^\d{1,5}$/.test(match[3] ?? '') || port < 1 || port > 65_535) return `address ${text}: invalid port`
  if (host === '' || host.length > 255 || !/^[A-Za-z0-9_.:%-]+$/.test(host)) return `address ${text}: invalid host`
  return undefined
}

/** Of many problems the first few are told. */
const maxTold = 5

/** All in one line for the log; empty: there are none. */
export function joinProblems(problems: readonly string[]): string {
  const more = problems.length > maxTold ? [`and ${String(problems.length - maxTold)} more`] : []
  return [...problems.slice(0, maxTold), ...more].join('; ')
}

/** The full set as watches give it. */
export function toSet(addresses: readonly string[]): readonly string[] {
  return [...new Set(addresses)].sort()
}
