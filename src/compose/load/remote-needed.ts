/**
 * Thrown by the loader when it meets a reference to a file that has not been fetched. The loader cannot wait: whoever
 * called it fetches and loads again.
 */
export class RemoteNeeded extends Error {
  readonly reference: string

  constructor(reference: string) {
    super(`${reference} has to be fetched`)
    this.name = 'RemoteNeeded'
    this.reference = reference
  }
}
