/** Versions of engine packages: pure. */

/**
 * True when a package's version is the wanted one or a part of it: `28.1` means 28.1.0 and 28.1.1, not 28.10. An epoch (`5:`)
 * and what a distribution puts behind (`+dfsg1-1`, `-1.el9`) do not count.
 */
export function isVersion(version: string, wanted: string): boolean {
  const bare = version.replace(/^\d+:/, '')
  return bare.startsWith(wanted) && !/^[0-9]/.test(bare.slice(wanted.length)) && isWhole(bare, wanted)
}

/** Text that ends inside a word (`28.1-rc` of `28.1-rc.1`) is a part; `28.1` is no part of the candidate `28.1-rc.1`. */
function isWhole(bare: string, wanted: string): boolean {
  return !/^(?:\.\d+)*[-~](?:rc|beta|alpha|ce-rc)/.test(bare.slice(wanted.length))
}

/** The newest of the versions that are the wanted one. */
export function pickVersion(versions: readonly string[], wanted: string): string | undefined {
  const fitting = versions.filter((version) => isVersion(version, wanted))
  return fitting.sort(compareVersions).at(-1)
}

/** Numbers count as numbers, everything else as text. */
function compareVersions(a: string, b: string): number {
  const [left, right] = [splitVersion(a), splitVersion(b)]
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const [one = '', other = ''] = [left[index], right[index]]
    if (one === other) continue
    if (/^\d+$/.test(one) && /^\d+$/.test(other)) return Number(one) - Number(other)
    return one < other ? -1 : 1
  }
  return 0
}

function splitVersion(version: string): readonly string[] {
  return version.match(/\d+|\D+/g) ?? []
}

/** The version in what `dockerd --version` prints; empty when there is none. */
export function readDaemonVersion(text: string): string {
  return /version\s+v?(\d[^\s,]*)/.exec(text)?.[1] ?? ''
}
