/** What lines are written to. */
interface LineStream {
  write(text: string): unknown
}

/** Takes any piece of output. Whoever opens a line also ends it. */
export type WritePiece = (label: string, stream: 'stdout' | 'stderr', text: string) => void

/** Writes whole lines, each behind its label: what others say meanwhile, and where output was cut in pieces, shows in none. */
export function makeLabelledLines(streams: Readonly<Record<'stdout' | 'stderr', LineStream>>): WritePiece {
  const waiting = new Map<string, string>()
  return (label, stream, text) => {
    const key = `${stream}:${label}`
    const lines = ((waiting.get(key) ?? '') + text).split('\n')
    const rest = lines.pop() ?? ''
    if (rest === '') waiting.delete(key)
    else waiting.set(key, rest)
    if (lines.length > 0) streams[stream].write(lines.map((line) => `${label} ${line}\n`).join(''))
  }
}
