import * as posix from 'node:path/posix'
import type { Written, WrittenService } from '../model/project.ts'
import { mergeAllClassic } from './classic-merge.ts'
import { isWrittenMap } from './classic-written.ts'

/** The services of a file, those of a project's own files merged already. */
export interface ClassicFile {
  readonly services: Readonly<Record<string, WrittenService | undefined>>
  /** Where its relative paths start. */
  readonly folder: string
  /** Of several files merged the first one: what is extended is taken from that alone. */
  readonly first?: ClassicFile
}

/** Opens the file that a service of another one extends; undefined where what is in it is not known. */
export type OpenClassic = (from: ClassicFile, path: string) => ClassicFile | undefined

/**
 * A service with what it extends (compose/config/config.py ServiceExtendsResolver): the base comes with the paths of its own
 * file, and is merged as the service of an earlier file would be.
 *
 * @returns undefined when it is not known what docker-compose 1 makes of it
 */
export function extendClassic(file: ClassicFile, name: string, open: OpenClassic): WrittenService | undefined {
  const service = file.services[name]
  if (service === undefined || service['extends'] === undefined) return service
  const { extends: reference, ...own } = service
  const { service: baseName, file: path } = isWrittenMap(reference) ? reference : { service: reference }
  if (typeof baseName !== 'string') return undefined
  const from = typeof path === 'string' ? open(file, path) : path === undefined ? (file.first ?? file) : undefined
  if (from === undefined) return undefined
  // Circles are refused when the file is loaded.
  const base = extendClassic(from, baseName, open)
  return base === undefined ? undefined : mergeAllClassic([anchor(base, from.folder), own])
}

/** Paths of a base start at its file. */
function anchor(service: WrittenService, folder: string): WrittenService {
  const { volumes, build } = service
  return {
    ...service,
    ...(Array.isArray(volumes) && { volumes: volumes.map((volume) => anchorVolume(volume, folder)) }),
    ...(build !== undefined && { build: anchorBuild(build, folder) }),
  }
}

function anchorVolume(volume: Written, folder: string): Written {
  if (typeof volume === 'string') {
    const colon = volume.indexOf(':')
    if (colon === -1 || !volume.startsWith('.')) return volume
    return posix.resolve(folder, volume.slice(0, colon)) + volume.slice(colon)
  }
  if (!isWrittenMap(volume)) return volume
  const { type, source } = volume
  if (type !== 'bind' || typeof source !== 'string' || !source.startsWith('.')) return volume
  return { ...volume, source: posix.resolve(folder, source) }
}

function anchorBuild(build: Written, folder: string): Written {
  if (typeof build === 'string') return isRemoteContext(build) ? build : posix.resolve(folder, build)
  if (!isWrittenMap(build)) return build
  const { context } = build
  if (typeof context !== 'string' || isRemoteContext(context)) return build
  return { ...build, context: posix.resolve(folder, context) }
}

/** A context that is no folder. */
export function isRemoteContext(context: string): boolean {
  return /^(?:https?:\/\/|git:\/\/|github\.com\/|git@)/.test(context)
}
