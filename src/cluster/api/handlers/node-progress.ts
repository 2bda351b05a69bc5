import { FlotillaError, toMessage } from '../../../core/errors.ts'
import type { Member } from '../../member.ts'
import { readText } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { anyHealthy, noteNodes } from '../call.ts'
import type { Api, Call } from '../call.ts'
import { listChanged } from '../latest-names.ts'
import { whileHealthy } from './while-healthy.ts'

type Ask = (member: Member, index: number, signal: AbortSignal) => ReturnType<Member['engine']['request']>

/** What engines say at the end. */
interface Results {
  readonly loaded: Set<string>
  /** ID of the imported image, by the node's place: each makes one of its own. */
  readonly imported: (string | undefined)[]
}

/** Progress lines of several engines as one stream: `id` is the node, `status` says what for and what. */
export class NodeProgress {
  readonly #call: Call
  readonly #title: string
  readonly #isQuiet: boolean

  /** @param isQuiet only what came of it is told, not how */
  constructor(call: Call, title: string, isQuiet = false) {
    this.#call = call
    this.#title = title
    this.#isQuiet = isQuiet
  }

  async runAll(
    api: Api,
    ask: Ask,
    members: readonly Member[] = api.cluster.healthyMembers(),
    onFailed?: (index: number) => void,
  ): Promise<void> {
    const { exchange } = this.#call
    if (members.length === 0) anyHealthy(api)
    noteNodes(api, this.#call, members)
    exchange.startStream(200, ['Content-Type', 'application/json', 'Api-Version', api.cluster.apiVersion])
    const problems: string[] = []
    const results: Results = { loaded: new Set(), imported: [] }
    const before = members.map((member) => member.view.images)
    await Promise.all(
      members.map(async (member, index) => {
        this.#say(member, '')
        try {
          await whileHealthy(api, member, exchange.signal, async (signal) =>
            this.#follow(member, await ask(member, index, signal), { index, results }),
          )
        } catch (error) {
          onFailed?.(index)
          problems.push(`${member.name}: ${toMessage(error)}`)
          this.#say(member, toMessage(error))
        }
      }),
    )
    // What an engine would say at the end is said once more as it would, for programs that read it.
    for (const text of results.loaded) exchange.write(`${JSON.stringify({ stream: text })}\n`)
    const imported = results.imported.find((id) => id !== undefined)
    if (imported !== undefined) exchange.write(`${JSON.stringify({ status: imported })}\n`)
    for (const [index, member] of members.entries()) {
      // Given to all nodes: what a single one was given before counts no longer.
      const read = api.cluster.changed(member, { what: 'images' })
      api.latest.after(read, () => api.latest.forget(listChanged(before[index] ?? [], member.view.images).keys()))
    }
    await api.cluster.settled()
    if (problems.length > 0 && !isForgiven(problems, members.length)) {
      const message = problems.join('\n')
      exchange.write(`${JSON.stringify({ error: message, errorDetail: { code: 1, message } })}\n`)
    }
    exchange.end()
  }

  async #follow(
    member: Member,
    reply: Awaited<ReturnType<Ask>>,
    { index, results }: { readonly index: number; readonly results: Results },
  ): Promise<void> {
    for await (const line of reply.documents<Fields>()) {
      const problem = readText(line, 'error')
      if (problem !== '') throw new FlotillaError('engine/server', problem)
      const stream = readText(line, 'stream')
      if (stream.startsWith('Loaded image')) results.loaded.add(stream)
      const status = readText(line, 'status')
      if (/^sha256:[0-9a-f]{64}$/.test(status)) results.imported[index] = status
      const text = stream.trim() || describeProgress(line)
      if (text !== '') this.#say(member, text)
      if (this.#call.exchange.connection.socket.writableNeedDrain) await this.#call.exchange.drain()
    }
  }

  #say(member: Member, text: string): void {
    if (this.#isQuiet) return
    const status = text === '' ? this.#title : `${this.#title} : ${text}`
    this.#call.exchange.write(`${JSON.stringify({ id: member.name, status })}\n`)
  }
}

function describeProgress(line: Fields): string {
  const status = readText(line, 'status')
  const id = readText(line, 'id')
  return id === '' ? status : `${id}: ${status}`
}

/** Images for another system: forgiven where at least one engine could use it. */
function isForgiven(problems: readonly string[], members: number): boolean {
  return (
    problems.length < members &&
    problems.every((text) => /cannot be used on this platform|no matching manifest/.test(text))
  )
}
