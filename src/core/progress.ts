/**
 * One change in the state of one thing a command works on. Domains emit them, `ui/progress.ts` paints
 * them (live on a terminal, plain lines elsewhere, JSON on request). Later events of the same `id`
 * replace earlier ones.
 */
export interface ProgressEvent {
  /** Stable identity and label, for instance `Container web-1`. */
  readonly id: string
  /** The id this one is a part of, for instance the layer of an image. */
  readonly parentId?: string
  readonly status: 'working' | 'done' | 'warning' | 'error'
  /** One word or two: `Creating`, `Created`, `Pulling`. */
  readonly text: string
  /** Of something that is pulled or pushed: docker-compose 2.40 writes such lines otherwise than all others. */
  readonly isTransfer?: boolean
  /** Of a step of an image that is built: how they are shown can be chosen apart from all else. */
  readonly isBuildStep?: boolean
  /** Free text after it: an error message, a digest. */
  readonly detail?: string
  /** One line that the thing printed: shown as it comes, and the last one in a picture. */
  readonly output?: string
  /** Units done and in all (bytes, steps) where they are known. */
  readonly current?: number
  readonly total?: number
}

/** Takes what happens as it happens. Returns at once and does not throw. */
export type Progress = (event: ProgressEvent) => void
