/** What `/etc/os-release` says. */
export interface OsRelease {
  /** `debian`, `ubuntu`, …; empty when the file has none. */
  readonly id: string
  /** Relatives, nearest first. */
  readonly idLike: readonly string[]
  readonly versionId: string
  /** `coreos`, `server`, …; empty for the plain system. */
  readonly variantId: string
  /** Release as package archives call it, `bookworm`; a derivative's is that of its parent where it says so. */
  readonly codename: string
  /** For messages. */
  readonly prettyName: string
}

/** Reads `KEY=value` lines, quoted or not; values may hold `=`. Unknown lines are passed over. */
export function parseOsRelease(text: string): OsRelease {
  const fields = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line)
    if (match !== null) fields.set(match[1] ?? '', unquote((match[2] ?? '').trim()))
  }
  const read = (...names: readonly string[]): string => {
    for (const name of names) if ((fields.get(name) ?? '') !== '') return fields.get(name) ?? ''
    return ''
  }
  const id = read('ID').toLowerCase()
  return {
    id,
    idLike: read('ID_LIKE').toLowerCase().split(/\s+/).filter(Boolean),
    versionId: read('VERSION_ID'),
    variantId: read('VARIANT_ID').toLowerCase(),
    codename: read('UBUNTU_CODENAME', 'DEBIAN_CODENAME', 'VERSION_CODENAME'),
    prettyName: fields.get('PRETTY_NAME') ?? fields.get('NAME') ?? id,
  }
}

function unquote(value: string): string {
  if (value.startsWith("'") && value.endsWith("'") && value.length > 1) return value.slice(1, -1)
  if (value.startsWith('"') && value.endsWith('"') && value.length > 1) {
    return value.slice(1, -1).replace(/\\(["$`\\])/g, '$1')
  }
  return value
}
