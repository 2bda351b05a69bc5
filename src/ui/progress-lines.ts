import type { ProgressEvent } from '../core/progress.ts'
import type { ProgressOptions, ProgressPainter } from './progress.ts'

/** A line for each event. */
export function lines(
  options: ProgressOptions,
  render: (event: ProgressEvent, prefix: string) => string,
): ProgressPainter {
  return {
    emit: (event) => void options.stream.write(`${render(event, options.prefix ?? '')}\n`),
    print: (text) => void options.stream.write(text),
    tail: (text) => void options.stream.write(`${options.prefix ?? ''}${text}\n`),
    stop() {},
  }
}

/** Counting bytes is for pictures: a line is written when the words change. */
export function withoutRepeats(painter: ProgressPainter): ProgressPainter {
  const last = new Map<string, string>()
  return {
    ...painter,
    emit(event) {
      if (event.output !== undefined) return painter.emit(event)
      const words = `${event.status} ${event.text} ${event.detail ?? ''}`
      if (last.get(event.id) === words) return
      last.set(event.id, words)
      painter.emit(event)
    },
  }
}

/** Words for people. */
export function renderPlainLine(event: ProgressEvent, prefix: string): string {
  const detail = event.detail === undefined || event.detail === '' ? '' : ` ${event.detail.replace(/[\r\n]+/g, ' ')}`
  // The blank is there without a prefix, too.
  const before = prefix === '' ? ' ' : ` ${prefix} `
  if (event.output !== undefined) return `${before}${event.id}  | ${event.output.replace(/[\r\n]+/g, ' ')}`
  // What is pulled and pushed has its words where other things have none (docker/compose pkg/progress/event.go).
  if (event.isTransfer === true) return `${before}${event.id} ${event.text} ${detail.trimStart()}`
  return `${before}${event.id}  ${event.text}${detail}`
}

/** The mark of a dry run in objects. */
export function markDryRun(prefix = ''): object {
  return prefix === '' ? {} : { 'dry-run': true }
}

/** Words stand where docker-compose 2.40 has them: under `status`, of transfers under `text`. */
export function renderJsonLine(event: ProgressEvent, prefix: string): string {
  const { id, parentId, text, detail, output, current, total } = event
  const isTransfer = event.isTransfer === true || parentId !== undefined
  const words = isTransfer ? { text } : { status: text }
  const isPartDone = event.isTransfer === true && parentId !== undefined && event.status === 'done'
  const share = total === undefined || total === 0 ? undefined : Math.floor((100 * (current ?? 0)) / total)
  return JSON.stringify({
    ...markDryRun(prefix),
    id,
    parent_id: parentId,
    ...words,
    ...(event.isTransfer === true && output === undefined ? { status: detail } : { details: output ?? detail }),
    current,
    total,
    percent: share ?? (isPartDone ? 100 : undefined),
  })
}
