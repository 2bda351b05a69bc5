import type { Terminal } from './terminal.ts'

export type Colour = 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'grey'

/** Paints text, or leaves it alone where there is no colour. */
export interface Style {
  readonly hasColour: boolean
  paint(colour: Colour, text: string): string
  bold(text: string): string
  dim(text: string): string
}

const codes: Readonly<Record<Colour, number>> = {
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  magenta: 35,
  cyan: 36,
  grey: 90,
}

/** Colours for a terminal; `isForced` overrides what the terminal says (`--ansi always`, `--no-color`). */
export function makeStyle(terminal: Pick<Terminal, 'colorDepth'>, isForced?: boolean): Style {
  const hasColour = isForced ?? terminal.colorDepth > 0
  const wrap = (open: number, close: number, text: string): string =>
    hasColour && text !== '' ? `\u001b[${open}m${text}\u001b[${close}m` : text
  return {
    hasColour,
    paint: (colour, text) => wrap(codes[colour], 39, text),
    bold: (text) => wrap(1, 22, text),
    dim: (text) => wrap(2, 22, text),
  }
}
