import type { Log } from '../../core/log.ts'
import { parseEndpoint } from '../../engine/endpoint-parse.ts'
import type { Endpoint, TlsMaterial } from '../../engine/endpoint.ts'
import type { Engine } from '../../engine/engine.ts'
import type { ForwardHost } from './forward-options.ts'
import { PrimaryLink } from './primary-link.ts'

export interface PrimaryLinksOptions {
  readonly host: ForwardHost
  readonly log: Log
  /** The certificates that engines are shown are shown to the primary too. */
  readonly tls?: TlsMaterial
  openEngine(endpoint: Endpoint): Engine
}

/** The ways to the manager that leads, and to those that have led and still owe answers. */
export class PrimaryLinks {
  readonly #o: PrimaryLinksOptions
  readonly #links = new Set<PrimaryLink>()
  #current: PrimaryLink | undefined

  constructor(options: PrimaryLinksOptions) {
    this.#o = options
  }

  /** The way to the manager that leads. */
  get current(): PrimaryLink | undefined {
    return this.#current
  }

  /** The way to the manager at `address`, which leads. */
  to(address: string): PrimaryLink {
    if (this.#current?.address === address) return this.#current
    const { tls, host, log } = this.#o
    const openEngine = (endpoint: Endpoint): Engine => this.#o.openEngine(endpoint)
    const endpoint = parseEndpoint(`tcp://${address}`, tls)
    if (endpoint.kind !== 'tcp') throw new TypeError('an address of HOST:PORT is a TCP endpoint')
    this.#current = new PrimaryLink({ address, endpoint, host, log, openEngine })
    this.#links.add(this.#current)
    return this.#current
  }

  /** The manager at `address` leads; undefined: nobody else does, as far as is known. Another one owes only answers now. */
  follow(address: string | undefined): void {
    const current = this.#current
    if (current === undefined || address === current.address) return
    this.#current = undefined
    current.retire()
  }

  /** Called about once a second. */
  tick(): void {
    for (const link of this.#links) {
      link.tick()
      if (link.isDone) this.#links.delete(link)
    }
  }

  close(): void {
    for (const link of this.#links) link.close()
    this.#links.clear()
  }
}
