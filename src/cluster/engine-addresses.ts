import { isValidated } from './model.ts'
import type { NodeView } from './model.ts'

/**
 * Which addresses stand for which engine. Where several do, one of them is in service and the others are second addresses,
 * which are not shown.
 */
export class EngineAddresses {
  /** Addresses in service by engine ID. */
  readonly #inService = new Map<string, Set<string>>()
  readonly #seconds = new Set<string>()

  /** Takes over the next version of a node. */
  note(before: NodeView, after: NodeView): void {
    const old = isValidated(before) ? before.engineId : undefined
    const now = isValidated(after) ? after.engineId : undefined
    if (old === now) return
    if (old !== undefined) {
      const addrs = this.#inService.get(old)
      addrs?.delete(before.addr)
      if (addrs?.size === 0) this.#inService.delete(old)
    }
    if (now !== undefined) this.#inService.set(now, (this.#inService.get(now) ?? new Set<string>()).add(after.addr))
  }

  /** The addresses under which an engine is in service; several only for copied machines. */
  inService(engineId: string): readonly string[] {
    return [...(this.#inService.get(engineId) ?? [])]
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
