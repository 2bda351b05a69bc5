import type { FlotillaError } from '../../../core/errors.ts'
import type { PlacementRequest } from '../../placement.ts'
import { parsePlatform } from '../../platform.ts'
import { addCondition } from '../../request.ts'
import { isFields, readList, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import type { Api, Call } from '../call.ts'
import { headerOf } from '../http1/head.ts'

/** A registry may be far away, and what it says is only a help. */
const registryMs = 5000

/**
 * Keeps a container off nodes whose operating system its image does not run on, where nodes differ in that and the
 * client has not said which it wants. Asks the image's registry through one of the engines; no answer, no condition.
 *
 * @param asked what the client said
 * @returns `bound`, with the condition where there is one
 */
export async function followImage(
  api: Api,
  call: Call,
  asked: PlacementRequest,
  bound: PlacementRequest,
): Promise<PlacementRequest> {
  if (bound.platform !== undefined || namesSystem(asked)) return bound
  if (!api.cluster.isMixed) return bound
  // The node that has the image knows what it runs on.
  const holders = api.cluster.directory.imageHolders(asked.image)
  const here = new Set(holders.map(({ node }) => node.osType))
  const systems = here.size > 0 ? here : await askRegistry(api, call, asked.image)
  const [system, ...others] = systems
  if (system === undefined || others.length > 0) return bound
  return addCondition(bound, 'constraints', `ostype==${system}`)
}

function namesSystem(request: PlacementRequest): boolean {
  return request.constraints.expressions.some((each) => each.key === 'ostype')
}

async function askRegistry(api: Api, call: Call, image: string): Promise<ReadonlySet<string>> {
  const [member] = api.cluster.healthyMembers()
  const auth = headerOf(call.exchange.head, 'x-registry-auth')
  const systems = new Set<string>()
  if (member === undefined || image === '') return systems
  try {
    const reply = await member.engine.request(
      {
        method: 'GET',
        path: `/distribution/${image.split('/').map(encodeURIComponent).join('/')}/json`,
        ...(auth === undefined ? {} : { headers: { 'x-registry-auth': auth } }),
      },
      { deadlineMs: registryMs, signal: call.exchange.signal },
    )
    for (const platform of readList(await reply.json<Fields>(), 'Platforms')) {
      const system = isFields(platform) ? parsePlatform(readText(platform, 'os'))?.os : undefined
      if (system !== undefined && system !== '') systems.add(system)
    }
  } catch {
    // Whether the image can be had is found out by the engine that makes the container.
  }
  return systems
}

const wrongSystem = /image operating system "(\w+)" cannot be used on this platform/

/** The system an engine said the image is for, unless the request already names one. */
export function findImageSystem(error: FlotillaError, request: PlacementRequest): string | undefined {
  const system = wrongSystem.exec(error.message)?.[1]
  return system === undefined || namesSystem(request) ? undefined : system
}
