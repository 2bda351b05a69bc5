import type { Clock } from '../../core/clock.ts'

/** Where output of containers goes; `ui/log-prefix.ts` paints it. */
export interface LogSink {
  /** Makes a name known before its first line. */
  announce(name: string): void
  /** Any piece of output, not necessarily whole lines. */
  write(name: string, stream: 'stdout' | 'stderr', text: string): void
  /** Absent or without an answer: more can be written at once; else when it can. */
  room?(): Promise<void> | undefined
  /** One line of our own. */
  note(text: string): void
  /** One line about files that are being followed. */
  watchNote(text: string): void
  /** Writes what waits for a line end. */
  end(name?: string): void
}

/** Puts the time of arrival before every line, in fixed width with nanoseconds. */
export function withTimestamps(sink: LogSink, clock: Clock): LogSink {
  const openLines = new Set<string>()
  return {
    ...sink,
    write(name, stream, text) {
      const key = `${stream}:${name}`
      const now = new Date(clock.nowMs()).toISOString().replace('Z', '000000Z')
      const stamped = text.replace(/(^|\n)(?=[\s\S])/g, (match, before: string, at: number) =>
        at === 0 && before === '' && openLines.has(key) ? match : `${before}${now} `,
      )
      if (text.endsWith('\n')) openLines.delete(key)
      else openLines.add(key)
      sink.write(name, stream, stamped)
    },
  }
}
