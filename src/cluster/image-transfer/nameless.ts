import type { Buffer } from 'node:buffer'
import { FlotillaError } from '../../core/errors.ts'
import { maxReadBytes } from './tar-sieve.ts'
import type { SieveRules, TarEntry } from './tar-sieve.ts'

/** The files of an image archive by which a load gives names. */
const listFiles: ReadonlySet<string> = new Set(['manifest.json', 'index.json', 'repositories'])
const nameAnnotations: ReadonlySet<string> = new Set(['io.containerd.image.name', 'org.opencontainers.image.ref.name'])

/**
 * Rules that let no archive through that names anything. An image that is asked for by its ID comes without names; one
 * that brings some would take them from images of the target before anybody has looked at it. Refusing breaks the upload
 * off, and an engine names nothing before it has read an archive to its end.
 */
export function refuseNames(rules: SieveRules | undefined): SieveRules {
  return {
    judge(entry) {
      if (!isList(entry)) return rules?.judge(entry) ?? 'pass'
      // A link has its content elsewhere, and what is larger is not read here.
      if (!entry.isFile || entry.size > maxReadBytes || lastPart(entry) === 'repositories') throw namesSomething(entry)
      return 'read'
    },
    onRead(entry, content) {
      if (!isList(entry)) rules?.onRead(entry, content)
      else if (hasNames(content)) throw namesSomething(entry)
    },
  }
}

/** In whatever folder: a link to a folder before it could lead anywhere. */
function isList(entry: TarEntry): boolean {
  return listFiles.has(lastPart(entry))
}

/** As engines read the name: `a/manifest.json/b/..` is `manifest.json` too. */
function lastPart(entry: TarEntry): string {
  const parts: string[] = []
  for (const part of entry.name.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.at(-1) ?? ''
}

/** True also for what cannot be read. */
function hasNames(content: Buffer): boolean {
  let value: unknown
  try {
    value = JSON.parse(content.toString('utf8'))
  } catch {
    return true
  }
  const left: unknown[] = [value]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (typeof next !== 'object' || next === null) continue
    for (const [key, child] of Object.entries(next)) {
      if (nameAnnotations.has(key)) return true
      // Engines read keys whatever their case.
      const isTags = key.toUpperCase() === 'REPOTAGS' && child !== null
      if (isTags && !(Array.isArray(child) && child.length === 0)) return true
      left.push(child ?? null)
    }
  }
  return false
}

function namesSomething(entry: TarEntry): FlotillaError {
  return new FlotillaError(
    'engine/protocol',
    `not an archive of one image by its ID: ${JSON.stringify(entry.name.slice(0, 100))} would give names`,
  )
}
