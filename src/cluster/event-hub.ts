import type { Fields } from './wire.ts'

/** Who listens to the cluster's events. */
export interface Subscriber {
  /** Takes one event at once; slow subscribers keep their own queue. */
  hear(event: Fields): void
}

/**
 * Hands every event of every engine, and the cluster's own, to all subscribers, in the order they came. Events are made
 * only when somebody listens: a busy fleet tells of thousands that nobody asked for.
 */
export class EventHub {
  readonly #subscribers = new Set<Subscriber>()
  readonly #ownSubscribers = new Set<Subscriber>()

  /** Subscribers to every event. */
  get size(): number {
    return this.#subscribers.size
  }

  /** @returns the way to stop */
  subscribe(subscriber: Subscriber): () => void {
    return add(this.#subscribers, subscriber)
  }

  /** For the cluster's own events alone: engines that come and go. @returns the way to stop */
  subscribeToOwn(subscriber: Subscriber): () => void {
    return add(this.#ownSubscribers, subscriber)
  }

  /** An event of an engine. */
  publish(make: () => Fields): void {
    if (this.#subscribers.size === 0) return
    const event = make()
    for (const subscriber of this.#subscribers) subscriber.hear(event)
  }

  /** An event of the cluster's own. */
  announce(event: Fields): void {
    for (const subscriber of this.#ownSubscribers) subscriber.hear(event)
    for (const subscriber of this.#subscribers) subscriber.hear(event)
  }
}

function add(subscribers: Set<Subscriber>, subscriber: Subscriber): () => void {
  subscribers.add(subscriber)
  return () => {
    subscribers.delete(subscriber)
  }
}
