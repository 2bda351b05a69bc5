import { isValidated } from './model.ts'
import type { NodeView } from './model.ts'

/**
 * Which addresses stand for which engine. Where several do, one of them is in service and the others are second addresses,
 * which are not shown.
 */
export class EngineAddresses {
  /** Addresses in service by engine ID. */
  readonly #inService = new AddressIndex()
  /** Addresses at which an engine was read once, in service or not, by its ID. */
  readonly #read = new AddressIndex()
  readonly #seconds = new Set<string>()

  /** Takes over the next version of a node. */
  note(before: NodeView, after: NodeView): void {
    this.#read.move(before.addr, before.engineId, after.engineId)
    this.#inService.move(before.addr, idInService(before), idInService(after))
  }

  /** Discovery no longer has the address. @param node as it was last */
  forget(node: NodeView): void {
    this.#read.move(node.addr, node.engineId, '')
    this.#inService.move(node.addr, idInService(node), '')
    this.#seconds.delete(node.addr)
  }

  /** The addresses under which an engine is in service; several only for copied machines. */
  inService(engineId: string): readonly string[] {
    return this.#inService.get(engineId)
  }

  /** All addresses that an engine with this ID was read at last, in service or not; in constant time. */
  withId(engineId: string): readonly string[] {
    return this.#read.get(engineId)
  }

  /** False: no address is a second one, which is nearly always so. */
  get mayHaveSeconds(): boolean {
    return this.#seconds.size > 0
  }

  isSecond(addr: string): boolean {
    return this.#seconds.has(addr)
  }

  setSecond(addr: string, isSecond: boolean): void {
    if (isSecond) this.#seconds.add(addr)
    else this.#seconds.delete(addr)
  }
}

/** Empty when it is not in service. */
function idInService(node: NodeView): string {
  return isValidated(node) ? node.engineId : ''
}

/** Addresses by engine ID. An empty ID stands for none. */
class AddressIndex {
  readonly #byId = new Map<string, Set<string>>()

  move(addr: string, from: string, to: string): void {
    if (from === to) return
    const left = this.#byId.get(from)
    left?.delete(addr)
    if (left?.size === 0) this.#byId.delete(from)
    if (to !== '') this.#byId.set(to, (this.#byId.get(to) ?? new Set<string>()).add(addr))
  }

  get(engineId: string): readonly string[] {
    return [...(this.#byId.get(engineId) ?? [])]
  }
}
