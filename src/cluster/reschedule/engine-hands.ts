import type { Buffer } from 'node:buffer'
import type { Clock } from '../../core/clock.ts'
import { isFlotillaError } from '../../core/errors.ts'
import { escapeSegment } from '../../engine/api/call.ts'
import type { EngineRequest } from '../../engine/engine.ts'
import type { Member } from '../member.ts'
import { GENERATION_LABEL, SWARM_ID_LABEL } from '../model.ts'
import type { NetworkUse } from '../recipe.ts'
import { isFields, readFields, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import type { RecordedVolume } from './record.ts'

/** The container's own stop time-out may be long. */
const stopMs = 180_000
const removeMs = 60_000
const startTries = 5
const startPauseMs = 500

/** Whether it happened is not known: the next attempt finds out. */
export function isUnanswered(error: unknown): boolean {
  return isFlotillaError(error) && (error.code === 'engine/timeout' || error.code === 'engine/unreachable')
}

/** The few calls that moving a container takes, each safe to repeat: what is done already is no error. */
export class EngineHands {
  readonly #member: Member
  readonly #clock: Clock
  readonly #callMs: number

  constructor(member: Member, clock: Clock) {
    this.#member = member
    this.#callMs = member.limits.callSeconds * 1000
    this.#clock = clock
  }

  /** @returns undefined when there is no such container */
  async inspect(id: string): Promise<Fields | undefined> {
    const reply = await this.#call(
      { method: 'GET', path: `/containers/${escapeSegment(id)}/json` },
      this.#callMs,
      [404],
    )
    if (reply === undefined) return undefined
    const value: unknown = JSON.parse(reply.toString('utf8'))
    return isFields(value) ? value : undefined
  }

  /** The containers with this swarm ID, as the engine itself has them now. */
  async findCopies(swarmId: string): Promise<readonly { readonly id: string; readonly generation: number }[]> {
    const query = { all: true, filters: JSON.stringify({ label: [`${SWARM_ID_LABEL}=${swarmId}`] }) }
    const reply = await this.#call({ method: 'GET', path: '/containers/json', query }, this.#callMs, [])
    const rows: unknown = JSON.parse(reply?.toString('utf8') ?? '[]')
    return (Array.isArray(rows) ? rows : []).filter(isFields).map((row) => ({
      id: readText(row, 'Id'),
      generation: Number(readText(readFields(row, 'Labels'), GENERATION_LABEL)) || 0,
    }))
  }

  /** A worker of a swarm may not have fetched the network yet: that passes (moby pull request 27466). */
  async start(id: string): Promise<void> {
    for (let left = startTries - 1; ; left -= 1) {
      try {
        await this.#call({ method: 'POST', path: `/containers/${id}/start` }, this.#callMs, [304])
        return
      } catch (error) {
        const isPassing = isFlotillaError(error) && /network .* not found/.test(error.message)
        if (!isPassing || left === 0) throw error
        await this.#clock.sleep(startPauseMs)
      }
    }
  }

  async stop(id: string): Promise<void> {
    await this.#call({ method: 'POST', path: `/containers/${id}/stop` }, stopMs, [304, 404])
  }

  /** @param isWithVolumes also the volumes without a name */
  async remove(id: string, isWithVolumes: boolean): Promise<void> {
    const query = { force: true, v: isWithVolumes }
    await this.#call({ method: 'DELETE', path: `/containers/${id}`, query }, removeMs, [404])
  }

  /** Nothing is asked of the engine when the container has the name. */
  async rename(id: string, name: string): Promise<void> {
    const shown = this.#member.view.containers.find((each) => each.id === id)
    const hasName = shown !== undefined && shown.names.includes(name)
    if (name === '' || hasName) return
    const inspect = await this.inspect(id)
    if (inspect === undefined || readText(inspect, 'Name') === `/${name}`) return
    await this.#call({ method: 'POST', path: `/containers/${id}/rename`, query: { name } }, this.#callMs, [])
    this.#member.send({ kind: 'assumed', id, change: { names: [name] } })
  }

  /** Connects the networks that the container is not on yet. */
  async connectMissing(id: string, networks: readonly NetworkUse[]): Promise<void> {
    if (networks.length === 0) return
    const inspect = await this.inspect(id)
    const present = readFields(readFields(inspect ?? {}, 'NetworkSettings'), 'Networks')
    for (const network of networks) {
      if (Object.hasOwn(present, network.name)) continue
      const body = { Container: id, EndpointConfig: network.settings }
      await this.#call(
        { method: 'POST', path: `/networks/${escapeSegment(network.name)}/connect`, body },
        this.#callMs,
        [],
      )
    }
  }

  /** One of that name that is there is taken as it is. */
  async createVolume(volume: RecordedVolume, labels: Readonly<Record<string, string>>): Promise<void> {
    const body = { Name: volume.name, Driver: volume.driver, DriverOpts: volume.options, Labels: labels }
    await this.#call({ method: 'POST', path: '/volumes/create', body }, this.#callMs, [])
  }

  /** @returns the body, or undefined for a status in `fine` */
  async #call(request: EngineRequest, deadlineMs: number, fine: readonly number[]): Promise<Buffer | undefined> {
    try {
      const reply = await this.#member.engine.request(request, { deadlineMs })
      return await reply.bytes()
    } catch (error) {
      if (isFlotillaError(error) && error.status !== undefined && fine.includes(error.status)) return undefined
      throw error
    }
  }
}
