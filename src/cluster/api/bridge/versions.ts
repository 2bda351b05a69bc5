import { compareApiVersions, newestApiVersion } from '../../../engine/version.ts'

/** The version a client means and the one its engine is sent. */
export interface VersionPair {
  readonly client: string
  readonly engine: string
}

/**
 * @param requested from the path; engines read a request without version as one of their newest
 * @param prefix what the engine is sent: `/v1.41`, or empty for its newest
 */
export function pairOf(requested: string | undefined, prefix: string, engineNewest: string): VersionPair {
  const engine = prefix === '' ? engineNewest : prefix.slice(2)
  const client = requested ?? (compareApiVersions(engine, newestApiVersion) > 0 ? engine : newestApiVersion)
  return { client, engine: engine === '' ? client : engine }
}

/** True when nothing has to be translated. */
export function isSame({ client, engine }: VersionPair): boolean {
  return client === engine
}

/** The client knows what came with `version`, the engine does not. */
export function isLostOn(pair: VersionPair, version: string): boolean {
  return compareApiVersions(pair.engine, version) < 0 && compareApiVersions(pair.client, version) >= 0
}

/** The engine works as from `version` on, the client expects what was before. */
export function isNewTo(pair: VersionPair, version: string): boolean {
  return compareApiVersions(pair.client, version) < 0 && compareApiVersions(pair.engine, version) >= 0
}
