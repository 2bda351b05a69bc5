import { FlotillaError } from '../../core/errors.ts'
import { parseDuration } from '../load/duration.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'

const dayMs = 24 * 60 * 60 * 1000

/**
 * The age at which an image is looked for anew: `daily`, `weekly`, `every_12h`.
 *
 * @returns undefined for policies that do not look at its age
 * @throws {compose/invalid} for a duration that is none
 */
export function refreshMs(service: Service, policy: string): number | undefined {
  if (policy === 'daily') return dayMs
  if (policy === 'weekly') return 7 * dayMs
  if (!policy.startsWith('every_')) return undefined
  const ns = parseDuration(policy.slice('every_'.length))
  // None at all (`every_0h`) is over at once.
  if (typeof ns === 'number') return ns / 1e6
  throw new FlotillaError('compose/invalid', `pull_policy of service "${service.name}": ${ns.reason}`)
}

/** True when its image has to be looked at more closely than a list shows. */
export function needsImageFacts(service: Service, policy: string): boolean {
  return (service.platform ?? '') !== '' || /^(?:daily|weekly|every_)/.test(policy)
}

/** `os/architecture[/variant]` of an image against what a service wants. A variant counts where both have one. */
export function isPlatform(has: string, wants: string): boolean {
  const [hasOs = '', hasArch = '', hasVariant = ''] = normalize(has)
  const [wantsOs = '', wantsArch = '', wantsVariant = ''] = normalize(wants)
  if (hasOs !== wantsOs || (wantsArch !== '' && hasArch !== wantsArch)) return false
  return hasVariant === '' || wantsVariant === '' || hasVariant === wantsVariant
}

/**
 * The platform a service's container is made for, and its image pulled for: its own, else `DOCKER_DEFAULT_PLATFORM`, which
 * takes no part in the hash of what is not built (docker/compose pkg/compose/create.go, pull.go).
 */
export function wantedPlatform(service: Service, environment: Project['environment']): string | undefined {
  const platform = service.platform ?? ''
  const chosen = platform === '' ? (environment['DOCKER_DEFAULT_PLATFORM'] ?? '') : platform
  return chosen === '' ? undefined : chosen
}

/** containerd/platforms: other names of the same things; a lone word is an architecture of Linux, or a system. */
const aliases: Readonly<Record<string, readonly [string, string]>> = {
  x86_64: ['amd64', ''],
  'x86-64': ['amd64', ''],
  aarch64: ['arm64', 'v8'],
  i386: ['386', ''],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
}

const systems = new Set(['linux', 'windows', 'freebsd', 'darwin'])

function normalize(platform: string): readonly string[] {
  const parts = platform.toLowerCase().split('/')
  if (parts.length === 1 && systems.has(parts[0] ?? '')) return parts
  const [system = '', architecture = '', variant = ''] = parts.length === 1 ? ['linux', parts[0] ?? ''] : parts
  const alias = Object.hasOwn(aliases, architecture) ? aliases[architecture] : undefined
  const [name, implied] = alias ?? [architecture, '']
  // The variant every such processor has is not written.
  const shown = variant === '' ? implied : variant
  return [system, name, name === 'arm64' && shown === 'v8' ? '' : shown]
}
