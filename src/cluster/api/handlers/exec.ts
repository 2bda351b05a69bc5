import { FlotillaError } from '../../../core/errors.ts'
import type { Member } from '../../member.ts'
import { forward } from '../call.ts'
import type { Api, Call, Handler, Within } from '../call.ts'

/** More are forgotten again, the oldest first: they can be asked for. */
const execLimit = 65_536

/** Keeps in mind which engine runs an exec. */
export function rememberExec(execs: Map<string, string>, id: string, addr: string): void {
  execs.set(id, addr)
  if (execs.size <= execLimit) return
  const oldest = execs.keys().next()
  if (oldest.done !== true) execs.delete(oldest.value)
}

/** The engine that runs an exec. One made elsewhere, or before a restart of ours, is asked for. */
export async function findExec(api: Pick<Api, 'execs' | 'cluster'>, id: string): Promise<Member> {
  const addr = api.execs.get(id)
  const member = addr === undefined ? undefined : api.cluster.member(addr)
  if (member !== undefined) return member
  if (/^[0-9a-f]{64}$/.test(id)) {
    const found = await firstHolder(api.cluster.healthyMembers(), id)
    if (found !== undefined) {
      rememberExec(api.execs, id, found.addr)
      return found
    }
  }
  throw new FlotillaError('cluster/not-found', `Exec ID ${id} not found`, { status: 404 })
}

/** The first that says yes; nobody waits for those that are slow to say no. */
async function firstHolder(members: readonly Member[], id: string): Promise<Member | undefined> {
  return new Promise((resolve) => {
    const asked = members.map(async (member) => {
      if ((await holdsExec(member, id)) !== undefined) resolve(member)
    })
    void Promise.all(asked).then(() => resolve(undefined))
  })
}

async function holdsExec(member: Member, id: string): Promise<Member | undefined> {
  try {
    const reply = await member.engine.request({ method: 'GET', path: `/exec/${id}/json` }, { deadlineMs: 5000 })
    await reply.bytes()
    return member
  } catch {
    return undefined
  }
}

function pass(more: { readonly isHijack?: boolean; readonly within?: Within }): Handler {
  return (api: Api, call: Call) => {
    const known = api.execs.get(call.name)
    const member = known === undefined ? undefined : api.cluster.member(known)
    // No detour through a promise on the way everybody takes.
    if (member !== undefined) return forward(api, call, member, more)
    return findExec(api, call.name).then((found) => forward(api, call, found, more))
  }
}

export const inspectExec: Handler = pass({ within: 'callSeconds' })
export const resizeExec: Handler = pass({ within: 'callSeconds' })
export const startExec: Handler = pass({ isHijack: true })
