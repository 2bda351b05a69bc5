import { FlotillaError } from '../core/errors.ts'
import { goQuote } from '../core/goquote.ts'
import { toList } from './host.ts'
import type { EngineOptions, Host, StoredList } from './host.ts'

/** New values for options of a machine, by the flags of `create`. */
export interface OptionChanges {
  /** `FLAG` → entries to add, or to put in the place of those with the same key. */
  readonly lists: Readonly<Partial<Record<ListFlag, readonly string[]>>>
  /** `FLAG` → its new value. */
  readonly texts: Readonly<Partial<Record<TextFlag, string>>>
  /** `FLAG` takes its default again, `FLAG=KEY` loses an entry. */
  readonly removals: readonly string[]
}

/** The field of the record behind each list, and whether its entries are KEY=VALUE. */
const listFlags = {
  'engine-label': { field: 'Labels', isKeyed: true },
  'engine-env': { field: 'Env', isKeyed: true },
  'engine-opt': { field: 'ArbitraryFlags', isKeyed: true },
  'engine-insecure-registry': { field: 'InsecureRegistry', isKeyed: false },
  'engine-registry-mirror': { field: 'RegistryMirror', isKeyed: false },
  'tls-san': { field: 'ServerCertSANs', isKeyed: false },
} as const

const textFlags = {
  'engine-version': 'EngineVersion',
  'engine-storage-driver': 'StorageDriver',
  'engine-install-url': 'InstallURL',
} as const

export type ListFlag = keyof typeof listFlags
export type TextFlag = keyof typeof textFlags

/** Names of all flags that can be changed. */
const changeableFlags: readonly (ListFlag | TextFlag)[] = [
  ...(Object.keys(listFlags) as ListFlag[]),
  ...(Object.keys(textFlags) as TextFlag[]),
]

/**
 * The record of a machine with other options. Pure.
 *
 * @returns the record, and what is different about it, a line each; none when nothing is
 * @throws {machine/usage} for a removal of what is not there
 */
export function changeOptions(
  host: Host,
  changes: OptionChanges,
): { readonly host: Host; readonly lines: readonly string[] } {
  let next = host
  const lines: string[] = []
  for (const removal of changes.removals) next = remove(next, removal)
  for (const [flag, entries] of Object.entries(changes.lists) as [ListFlag, readonly string[]][]) {
    next = writeList(next, flag, merge(readList(next, flag), entries, flag))
  }
  for (const [flag, value] of Object.entries(changes.texts) as [TextFlag, string][]) next = writeText(next, flag, value)
  for (const flag of changeableFlags) {
    const [before, after] = [show(host, flag), show(next, flag)]
    if (before !== after) lines.push(`${flag}: ${before} → ${after}`)
  }
  return { host: lines.length === 0 ? host : next, lines }
}

function remove(host: Host, removal: string): Host {
  const at = removal.indexOf('=')
  const flag = at < 0 ? removal : removal.slice(0, at)
  if (Object.hasOwn(textFlags, flag) && at < 0) {
    return writeText(host, flag as TextFlag, flag === 'engine-install-url' ? 'https://get.docker.com' : '')
  }
  if (!Object.hasOwn(listFlags, flag)) {
    throw new FlotillaError('machine/usage', `--remove ${goQuote(removal)}: there is no such option to take away`, {
      hint: `give one of ${changeableFlags.join(', ')}, or NAME=KEY for one entry of a list`,
    })
  }
  const name = flag as ListFlag
  if (at < 0) return writeList(host, name, [])
  const key = removal.slice(at + 1)
  const rest = readList(host, name).filter((entry) => entry !== key && keyOf(entry, name) !== key)
  return writeList(host, name, rest)
}

function keyOf(entry: string, flag: ListFlag): string {
  return listFlags[flag].isKeyed ? (entry.split('=', 1)[0] ?? entry) : entry
}

/** Entries go where those of their key stood, else to the end. Several of one key stay several, as dockerd's `dns`. */
function merge(list: readonly string[], entries: readonly string[], flag: ListFlag): readonly string[] {
  const groups = new Map<string, readonly string[]>()
  for (const entry of new Set(entries)) {
    const key = keyOf(entry, flag)
    groups.set(key, [...(groups.get(key) ?? []), entry])
  }
  const placed = new Set<string>()
  const kept = list.flatMap((entry) => {
    const key = keyOf(entry, flag)
    const group = groups.get(key)
    if (group === undefined) return [entry]
    if (placed.has(key)) return []
    placed.add(key)
    return group
  })
  return [...kept, ...[...groups].flatMap(([key, group]) => (placed.has(key) ? [] : group))]
}

function readList(host: Host, flag: ListFlag): readonly string[] {
  const { EngineOptions: engine, AuthOptions: auth } = host.options
  const { field } = listFlags[flag]
  return toList(field === 'ServerCertSANs' ? auth.ServerCertSANs : engine[field])
}

function writeList(host: Host, flag: ListFlag, list: StoredList): Host {
  const { field } = listFlags[flag]
  const { options } = host
  if (field === 'ServerCertSANs') {
    return { ...host, options: { ...options, AuthOptions: { ...options.AuthOptions, ServerCertSANs: list } } }
  }
  return withEngine(host, { ...options.EngineOptions, [field]: list })
}

function writeText(host: Host, flag: TextFlag, value: string): Host {
  const { EngineVersion: version, ...engine } = host.options.EngineOptions
  if (flag === 'engine-version') return withEngine(host, value === '' ? engine : { ...engine, EngineVersion: value })
  return withEngine(host, {
    ...engine,
    [textFlags[flag]]: value,
    ...(version !== undefined && { EngineVersion: version }),
  })
}

function withEngine(host: Host, engine: EngineOptions): Host {
  return { ...host, options: { ...host.options, EngineOptions: engine } }
}

function show(host: Host, flag: ListFlag | TextFlag): string {
  if (flag in listFlags) {
    const list = readList(host, flag as ListFlag)
    return list.length === 0 ? '(none)' : list.map((entry) => JSON.stringify(entry)).join(', ')
  }
  const text = host.options.EngineOptions[textFlags[flag as TextFlag]] ?? ''
  return text === '' ? '(none)' : JSON.stringify(text)
}
