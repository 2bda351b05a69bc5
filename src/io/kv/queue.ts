/**
 * Hands values from a task that must not wait to a reader that may be slow. One reader. What was put in before the
 * end or the failure is still read.
 */
export class Queue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #values: T[] = []
  #end: { readonly error: unknown } | 'ended' | undefined
  #wake: (() => void) | undefined

  push(value: T): void {
    if (this.#end !== undefined) return
    this.#values.push(value)
    this.#wake?.()
  }

  end(): void {
    this.#end ??= 'ended'
    this.#wake?.()
  }

  fail(error: unknown): void {
    this.#end ??= { error }
    this.#wake?.()
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    while (this.#values.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
    if (this.#values.length > 0) return { done: false, value: this.#values.shift() as T }
    if (this.#end === 'ended' || this.#end === undefined) return { done: true, value: undefined }
    const { error } = this.#end
    this.#end = 'ended'
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
