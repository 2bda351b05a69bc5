import { FlotillaError } from '../../../core/errors.ts'
import { randomId } from '../../../io/random-id.ts'
import type { Member } from '../../member.ts'
import { noRegex } from '../../regex.ts'
import { addCondition, parseCreate } from '../../request.ts'
import type { Api } from '../call.ts'

/** Some node that the rules allow, the emptiest first: what has no needs of its own may be anywhere. */
export function chooseMember(api: Api, without: readonly string[] = []): Member {
  const draft = parseCreate('', {}, noRegex, () => randomId(32))
  let { request } = draft
  for (const name of without) request = addCondition(request, 'constraints', `node!=${name}`)
  const chosen = api.cluster.choose(request)
  if (chosen.kind === 'placed') return api.cluster.memberOf(chosen.node)
  throw new FlotillaError('cluster/no-placement', chosen.text, { status: 500 })
}
