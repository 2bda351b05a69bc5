import { FlotillaError } from '../../../core/errors.ts'
import { compareApiVersions } from '../../../engine/version.ts'

/** The oldest version that is told; older clients are served with it all the same, as by the ancestor. */
export const minimumTold = '1.24'

/** Clients from release 29 on refuse servers that speak less than this (docker/cli 29.0 release notes). */
const newestClientsMinimum = '1.44'

const dockerClient = /\bDocker-Client\/(\d+)\./

/**
 * The version a client is told: the newest that all engines have in common, since nothing has to be translated then.
 * Clients that would turn away at that number are told the least they accept; calls to older engines are translated.
 */
export function versionToTell(common: string, userAgent: string | undefined): string {
  const release = Number(dockerClient.exec(userAgent ?? '')?.[1] ?? 0)
  return release >= 29 && compareApiVersions(common, newestClientsMinimum) < 0 ? newestClientsMinimum : common
}

/**
 * Refuses what is no version of this API, in an engine's words. Whatever is merely newer or older than the engines is
 * served: each gets a version it speaks.
 *
 * @throws {engine/version} status 400
 */
export function checkVersion(requested: string | undefined, common: string): void {
  if (requested === undefined || requested.startsWith('1.')) return
  const isNew = Number(requested.split('.')[0]) > 1
  const message = isNew
    ? `client version ${requested} is too new. Maximum supported API version is ${common}`
    : `client version ${requested} is too old. Minimum supported API version is ${minimumTold}, please upgrade your client to a newer version`
  throw new FlotillaError('engine/version', message, { status: 400 })
}
