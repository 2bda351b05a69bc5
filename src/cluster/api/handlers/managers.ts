import { FlotillaError } from '../../../core/errors.ts'
import { mapLimit } from '../../../core/limit.ts'
import { askEngine } from '../../reschedule/ask-engine.ts'
import { maxAsked } from '../../reschedule/observers.ts'
import { isFields, readList, readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { readJsonBody } from '../call.ts'
import type { Api, Handler } from '../call.ts'

/** An engine that does not say who it is within this time is not reached. */
const lookMs = 2000
const parallelLooks = 32

/** `{"Address": "HOST:PORT"}`: another manager says that it is there. Every manager hears for itself. */
export const announce: Handler = async (api, call) => {
  const address = readText(await readJsonBody(call), 'Address')
  if (!isAddress(address)) throw invalid('the body must be {"Address": "HOST:PORT"}')
  if (api.peers?.hear(address) !== true) throw invalid(`manager ${address} is not one of several besides this one`)
  call.exchange.replyJson(200, {})
}

/** This manager, and the others that have announced themselves here lately. */
export const list: Handler = (api, call) => {
  const { kind, primary } = api.role
  call.exchange.replyJson(200, {
    Role: kind === 'sole' ? 'primary' : kind,
    Primary: primary ?? '',
    Others: api.peers?.list() ?? [],
  })
}

/**
 * `{"Engines": [{"ID": ENGINE, "Addr": ADDRESS}]}`: whether this manager itself reaches each of these engines. They are
 * asked now: what was known a moment ago is no proof.
 */
export const sightings: Handler = async (api, call) => {
  const asked = readList(await readJsonBody(call), 'Engines').filter(isFields)
  if (asked.length > maxAsked) throw invalid(`at most ${String(maxAsked)} engines can be asked about at once`)
  call.exchange.replyJson(200, await mapLimit(asked, parallelLooks, (each) => look(api, each, call.exchange.signal)))
}

async function look(api: Api, asked: Fields, signal: AbortSignal): Promise<Fields> {
  const id = readText(asked, 'ID')
  const node = api.cluster.snapshot().nodes.find((each) => each.engineId === id && id !== '')
  const addr = node?.addr ?? readText(asked, 'Addr')
  const answer = addr === '' ? undefined : await askEngine(api.cluster, addr, { deadlineMs: lookMs, signal })
  // An engine that answers with an error is there.
  return { ID: id, Addr: addr, IsReached: answer === id || answer === 'unclear' }
}

function isAddress(text: string): boolean {
  return text.length <= 300 && /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/.test(text)
}

function invalid(message: string): FlotillaError {
  return new FlotillaError('cluster/invalid-option', message, { status: 400 })
}
