import { isFlotillaError } from '../../../core/errors.ts'
import { mapLimit } from '../../../core/limit.ts'
import type { Located } from '../../directory.ts'
import type { Member } from '../../member.ts'
import type { VolumeView } from '../../model.ts'
import type { VolumeData } from '../../volume-uses.ts'
import { isFields, readFields, readList, readNumber, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import type { Api } from '../call.ts'
import { partVersion } from '../disk-usage.ts'

/** Engines look at every file of their volumes for an answer. */
const askMs = 10_000
/** Engines that are asked at once. */
const parallelAsks = 64
/** Engines before 23.0 answer one such question at a time, and others with an error. */
const againMs = 200

/**
 * Asks engines which copies of a volume hold something. One that does not answer in time may have the data: it is the home
 * when all others are empty.
 *
 * @returns undefined when that leaves several, and they may be empty
 */
export async function askForData(
  api: Api,
  volume: string,
  holders: readonly Located<VolumeView>[],
): Promise<VolumeData | undefined> {
  const answers = await mapLimit(holders, parallelAsks, async ({ node }) => {
    const member = api.cluster.member(node.addr)
    return { engineId: node.engineId, isEmpty: member === undefined ? undefined : await isEmpty(api, volume, member) }
  })
  const [filled, ...others] = answers.filter((each) => each.isEmpty !== true)
  if (filled === undefined) return { kind: 'nowhere' }
  if (others.length === 0) return { kind: 'on', engineId: filled.engineId }
  return [filled, ...others].every((each) => each.isEmpty === false) ? { kind: 'several' } : undefined
}

/** @returns undefined when the engine does not say */
async function isEmpty(api: Api, volume: string, member: Member): Promise<boolean | undefined> {
  const { clock } = api.cluster
  const endMs = clock.monotonicMs() + askMs
  while (member.isHealthy && clock.monotonicMs() < endMs) {
    try {
      const version = member.versionFor(partVersion)
      const request = { method: 'GET', path: `${version}/system/df?type=volume`, unversioned: true } as const
      const reply = await member.engine.request(request, { deadlineMs: endMs - clock.monotonicMs() })
      const size = sizeOf(await reply.json<unknown>(), volume)
      return size < 0 ? undefined : size === 0
    } catch (error) {
      if (!isFlotillaError(error) || (error.status ?? 0) < 500) return undefined
      await clock.sleep(againMs)
    }
  }
  return undefined
}

/** In bytes; -1 when the engine does not know. */
function sizeOf(told: unknown, volume: string): number {
  const rows = readList(isFields(told) ? told : {}, 'Volumes').filter(isFields)
  const row: Fields = rows.find((each) => readText(each, 'Name') === volume) ?? {}
  const usage = readFields(row, 'UsageData')
  return 'Size' in usage ? readNumber(usage, 'Size') : -1
}
