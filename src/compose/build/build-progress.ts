import { TextDecoder } from 'node:util'
import type { ProgressEvent } from '../../core/progress.ts'
import type { StatusEvent, Vertex } from '../../engine/buildkit/messages.ts'
import { toShown } from './shown.ts'

/** Lines of output kept of each step, for the words of a failure. */
const keptLines = 10

interface Step {
  readonly number: number
  readonly name: string
  /** Holds back the beginning of a character. */
  readonly decoder: TextDecoder
  /** Text after the last line break. */
  partial: string
  lines: string[]
  isStarted: boolean
  isOver: boolean
}

/** How a step failed: its name, and the last lines it wrote. */
export interface FailedStep {
  readonly name: string
  readonly lines: readonly string[]
}

/** Turns the builder's news into progress of one image: a part for each step, and what the steps print. */
export class BuildProgress {
  readonly #parentId: string
  readonly #steps = new Map<string, Step>()
  #failed: FailedStep | undefined

  constructor(parentId: string) {
    this.#parentId = parentId
  }

  get failed(): FailedStep | undefined {
    return this.#failed
  }

  take(event: StatusEvent): readonly ProgressEvent[] {
    const events: ProgressEvent[] = []
    for (const vertex of event.vertexes) this.#known(vertex)
    for (const log of event.logs) events.push(...this.#print(log.vertex, log.data))
    for (const warning of event.warnings) {
      const step = this.#steps.get(warning.vertex)
      if (step !== undefined) events.push(this.#event(step, 'warning', 'Warning', { detail: warning.text.trim() }))
    }
    for (const status of event.statuses) {
      const step = this.#steps.get(status.vertex)
      if (step === undefined || step.isOver) continue
      const { current, total } = status
      events.push(this.#event(step, 'working', 'Running', total > 0 ? { current, total } : { current }))
    }
    for (const vertex of event.vertexes) events.push(...this.#change(vertex))
    return events
  }

  #known(vertex: Vertex): Step {
    const known = this.#steps.get(vertex.digest)
    if (known !== undefined) return known
    const step: Step = {
      number: this.#steps.size + 1,
      name: vertex.name,
      decoder: new TextDecoder(),
      partial: '',
      lines: [],
      isStarted: false,
      isOver: false,
    }
    this.#steps.set(vertex.digest, step)
    return step
  }

  #change(vertex: Vertex): readonly ProgressEvent[] {
    const step = this.#known(vertex)
    if (vertex.error !== '') {
      if (step.isOver) return []
      step.isOver = true
      const isCancelled = /context canceled/.test(vertex.error)
      if (!isCancelled)
        this.#failed ??= { name: step.name, lines: [...step.lines, step.partial].filter((line) => line !== '') }
      return [...this.#flush(step), this.#event(step, 'error', isCancelled ? 'Cancelled' : 'Error')]
    }
    if (vertex.isCached) {
      if (step.isOver) return []
      step.isOver = true
      return [this.#event(step, 'done', 'Cached')]
    }
    if (vertex.completedMs !== undefined && vertex.startedMs !== undefined) {
      step.isOver = true
      const seconds = ((vertex.completedMs - vertex.startedMs) / 1000).toFixed(1)
      return [...this.#flush(step), this.#event(step, 'done', `Done ${seconds}s`)]
    }
    if (vertex.startedMs === undefined || (step.isStarted && !step.isOver)) return []
    // It may start again: a context is looked at first and transferred then.
    step.isStarted = true
    step.isOver = false
    return [this.#event(step, 'working', 'Running')]
  }

  #print(digest: string, data: Uint8Array): readonly ProgressEvent[] {
    const step = this.#steps.get(digest)
    if (step === undefined) return []
    const lines = (step.partial + step.decoder.decode(data, { stream: true })).split('\n')
    step.partial = lines.pop() ?? ''
    return lines.map((line) => this.#line(step, line))
  }

  #flush(step: Step): readonly ProgressEvent[] {
    if (step.partial === '') return []
    const line = step.partial
    step.partial = ''
    return [this.#line(step, line)]
  }

  #line(step: Step, line: string): ProgressEvent {
    const output = toShown(line)
    step.lines = [...step.lines, output].slice(-keptLines)
    return this.#event(step, 'working', 'Running', { output })
  }

  #event(step: Step, status: ProgressEvent['status'], text: string, more: Partial<ProgressEvent> = {}): ProgressEvent {
    const parentId = this.#parentId
    return { id: `${parentId} #${step.number} ${step.name}`, parentId, isBuildStep: true, status, text, ...more }
  }
}
