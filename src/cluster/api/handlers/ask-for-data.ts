import { isFlotillaError } from '../../../core/errors.ts'
import { mapLimit } from '../../../core/limit.ts'
import type { Located } from '../../directory.ts'
import type { Member } from '../../member.ts'
import type { VolumeView } from '../../model.ts'
import type { VolumeData } from '../../volume-uses.ts'
import { isFields, readFields, readList, readNumber, readText } from '../../wire.ts'
import type { Api } from '../call.ts'
import { partVersion } from '../disk-usage.ts'

/** Engines look at every file of their volumes for an answer. */
const askMs = 10_000
/** Engines that are asked at once. */
const parallelAsks = 64
/** Engines before 23.0 answer one such question at a time, and others with an error. */
const againMs = 200
/** An answer serves all volumes of a project, and one that did not come is not waited for again for each of them. */
const freshMs = 20_000
const silentMs = 60_000

/** Bytes by name of volume; undefined when the engine did not say in time. */
type Sizes = ReadonlyMap<string, number> | undefined

interface Asked {
  readonly sizes: Promise<Sizes>
  /** Of the monotonic clock; of an answer under way, none. */
  untilMs: number
}

const asked = new WeakMap<Member, Asked>()

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
  const known = await knownSizes(api, member)
  // One that was made since.
  const sizes = known === undefined || known.has(volume) ? known : await askAnew(api, member)
  const size = sizes?.get(volume) ?? -1
  return size < 0 ? undefined : size === 0
}

function knownSizes(api: Api, member: Member): Promise<Sizes> {
  const last = asked.get(member)
  return last !== undefined && api.cluster.clock.monotonicMs() < last.untilMs ? last.sizes : askAnew(api, member)
}

function askAnew(api: Api, member: Member): Promise<Sizes> {
  const { clock } = api.cluster
  const sizes = readSizes(api, member)
  const entry: Asked = { sizes, untilMs: Number.POSITIVE_INFINITY }
  asked.set(member, entry)
  return sizes.then((told) => {
    entry.untilMs = clock.monotonicMs() + (told === undefined ? silentMs : freshMs)
    return told
  })
}

async function readSizes(api: Api, member: Member): Promise<Sizes> {
  const { clock } = api.cluster
  const endMs = clock.monotonicMs() + askMs
  while (member.isHealthy && clock.monotonicMs() < endMs) {
    try {
      const version = member.versionFor(partVersion)
      const request = { method: 'GET', path: `${version}/system/df?type=volume`, unversioned: true } as const
      const reply = await member.engine.request(request, { deadlineMs: endMs - clock.monotonicMs() })
      return sizesOf(await reply.json<unknown>())
    } catch (error) {
      if (!isFlotillaError(error) || (error.status ?? 0) < 500) return undefined
      await clock.sleep(againMs)
    }
  }
  return undefined
}

/** Engines that do not know the size of a volume say -1. */
function sizesOf(told: unknown): Sizes {
  const rows = readList(isFields(told) ? told : {}, 'Volumes').filter(isFields)
  return new Map(
    rows.map((row) => {
      const usage = readFields(row, 'UsageData')
      return [readText(row, 'Name'), 'Size' in usage ? readNumber(usage, 'Size') : -1]
    }),
  )
}
