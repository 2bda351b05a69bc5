import type { NodeView } from './model.ts'

/** What a client means by `--platform`: `linux/arm64`, `linux/arm/v7`, `arm64`, `windows`. */
export interface Platform {
  /** Empty: any. */
  readonly os: string
  /** In Go's words, variant included: `amd64`, `arm/v7`. Empty: any. */
  readonly architecture: string
}

const systems = new Set(['linux', 'windows', 'darwin', 'freebsd', 'wasi', 'wasip1'])

/** What kernels and people call the architectures that Go names otherwise. */
const spellings: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  i386: '386',
  i486: '386',
  i586: '386',
  i686: '386',
  x86: '386',
  aarch64: 'arm64',
  'arm64/v8': 'arm64',
  arm: 'arm/v7',
  armhf: 'arm/v7',
  armv7l: 'arm/v7',
  armv7: 'arm/v7',
  armel: 'arm/v6',
  armv6l: 'arm/v6',
  armv6: 'arm/v6',
  armv5l: 'arm/v5',
}

/** What a processor runs beside its own kind, as engines take it (containerd platforms/compare.go). */
const alsoRuns: Readonly<Record<string, readonly string[]>> = {
  amd64: ['386'],
  arm64: ['arm/v8', 'arm/v7', 'arm/v6', 'arm/v5'],
  'arm/v8': ['arm/v7', 'arm/v6', 'arm/v5'],
  'arm/v7': ['arm/v6', 'arm/v5'],
  'arm/v6': ['arm/v5'],
}

/** Label of an engine that runs more than its processor does, by emulation: `linux/arm64,linux/386`. */
const label = 'platforms'

/** @returns `undefined` for an empty text; words nobody knows stay as they are, and no node fits them */
export function parsePlatform(text: string): Platform | undefined {
  const words = text.trim().toLowerCase()
  if (words === '') return undefined
  const cut = words.indexOf('/')
  const first = cut < 0 ? words : words.slice(0, cut)
  if (systems.has(first)) return { os: first, architecture: cut < 0 ? '' : normalize(words.slice(cut + 1)) }
  return { os: '', architecture: normalize(words) }
}

function normalize(architecture: string): string {
  if (Object.hasOwn(spellings, architecture)) return spellings[architecture] ?? architecture
  // amd64/v2 and such name levels of one kind of processor, of which engines do not tell.
  return architecture.startsWith('amd64/') ? 'amd64' : architecture
}

/** As docker writes it; empty parts left out. */
export function renderPlatform({ os, architecture }: Platform): string {
  return [os, architecture].filter((part) => part !== '').join('/')
}

/** True when containers of this platform run on the node. */
export function canRun(node: NodeView, wanted: Platform): boolean {
  if (fits({ os: node.osType, architecture: normalize(node.architecture.toLowerCase()) }, wanted)) return true
  const more = node.labels.get(label)
  if (more === undefined) return false
  return more.split(',').some((text) => {
    const platform = parsePlatform(text)
    return platform !== undefined && fits(platform, wanted)
  })
}

function fits(have: Platform, wanted: Platform): boolean {
  if (wanted.os !== '' && wanted.os !== have.os) return false
  if (wanted.architecture === '' || wanted.architecture === have.architecture) return true
  return alsoRuns[have.architecture]?.includes(wanted.architecture) === true
}
