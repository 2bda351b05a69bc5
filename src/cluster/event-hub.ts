import type { Fields } from './wire.ts'

/** Who listens to the cluster's events. */
export interface Subscriber {
  /** Takes one event at once; slow subscribers keep their own queue. */
  hear(event: Fields): void
}

/** Hands every event of every engine, and the cluster's own, to all subscribers, in the order they came. */
export class EventHub {
  readonly #subscribers = new Set<Subscriber>()

  get size(): number {
    return this.#subscribers.size
  }

  /** @returns the way to stop */
  subscribe(subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber)
    return () => {
      this.#subscribers.delete(subscriber)
    }
  }

  publish(event: Fields): void {
    for (const subscriber of this.#subscribers) subscriber.hear(event)
  }
}
