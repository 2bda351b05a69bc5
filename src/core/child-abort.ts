/** A wish to stop that follows another one and can also come by itself. */
export interface ChildAbort {
  readonly signal: AbortSignal
  /** Stops the child, and forgets the parent. Idempotent. */
  abort(reason?: unknown): void
}

/**
 * Makes a signal that fires when `parent` does, or by its own `abort`, which must be called when the work ends.
 * `AbortSignal.any` would leave an entry on a long-lived parent for each use (see `core/deadline.ts`).
 */
export function makeChildAbort(parent: AbortSignal | undefined): ChildAbort {
  const controller = new AbortController()
  function follow(): void {
    controller.abort(parent?.reason)
  }
  if (parent?.aborted === true) follow()
  else parent?.addEventListener('abort', follow, { once: true })
  return {
    signal: controller.signal,
    abort(reason) {
      parent?.removeEventListener('abort', follow)
      controller.abort(reason)
    },
  }
}
