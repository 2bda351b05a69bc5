import { FlotillaError } from '../../../core/errors.ts'
import type { Located } from '../../directory.ts'
import { splitTag, toFullReference } from '../../image-name.ts'
import type { Member } from '../../member.ts'
import type { ImageView } from '../../model.ts'
import type { Api } from '../call.ts'
import { areSame } from '../latest-names.ts'

/** Reads on which nodes images are, as far as a build or a change of ours is about to say something new. */
export async function settleImages(api: Api): Promise<void> {
  for (const addr of api.builds.openAddrs()) {
    const member = api.cluster.member(addr)
    if (member?.isHealthy === true) lookAgain(api, member)
  }
  await api.cluster.settled()
}

/** Builders behind a tunnel say nothing of what they name, and engines before 23.0 tell of no event. */
export function lookAgain(api: Api, member: Member): void {
  const read = api.cluster.changed(member, { what: 'images' })
  api.latest.after(read, () => api.latest.look(member.addr, member.view.images))
}

interface Holder extends Located<ImageView> {
  readonly member: Member
}

/** Engines that answer and have the image: the one whose image the name stands for, then in the order of the nodes. */
function locate(api: Api, reference: string): readonly Holder[] {
  const located = api.cluster.directory.imageHolders(reference)
  const latest = api.latest.find(reference, located)
  const holders: Holder[] = []
  for (const each of latest === undefined ? located : [latest, ...located]) {
    const member = api.cluster.member(each.node.addr)
    if (member?.isHealthy !== true || holders.some((one) => one.member === member)) continue
    holders.push({ ...each, member })
  }
  return holders
}

export function holdersOf(api: Api, reference: string): readonly Member[] {
  return locate(api, reference).map(({ member }) => member)
}

/** Those whose image is the one that the name stands for, where that is known; else all that have one. */
export function latestHolders(api: Api, reference: string): readonly Holder[] {
  const holders = locate(api, reference)
  const latest = api.latest.find(reference, holders)
  return latest === undefined ? holders : holders.filter((each) => areSame(each, latest))
}

/** @throws {cluster/not-found} status 404 */
export function firstHolder(api: Api, reference: string): Member {
  const [first] = holdersOf(api, reference)
  if (first !== undefined) return first
  throw new FlotillaError('cluster/not-found', `No such image: ${reference}`, { status: 404 })
}

/** Without a tag all of them are pushed: by the engine that has the most. */
export function repositoryHolder(api: Api, name: string): Member {
  const { repository } = splitTag(toFullReference(name))
  let best: Member | undefined
  let most = 0
  for (const member of api.cluster.healthyMembers()) {
    const tags = member.view.images.flatMap((image) => image.repoTags)
    const count = tags.filter((each) => splitTag(each).repository === repository).length
    if (count > most) [best, most] = [member, count]
  }
  return best ?? firstHolder(api, name)
}
