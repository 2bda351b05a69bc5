import type { CompletionKind } from '../core/flag.ts'

/** Kinds of names that a command of the program itself lists. */
export type NameKind = Exclude<
  CompletionKind,
  readonly string[] | 'none' | 'file' | 'yaml-file' | 'folder' | 'shell' | 'driver' | 'scale' | 'copy'
>

/** A command line that prints names, one a line. */
export interface Listing {
  /** Flags before the command word, besides those that were typed. */
  readonly globals: readonly string[]
  readonly command: string
  readonly args: readonly string[]
}

/** Services of all profiles: one that is named on the command line is on. */
const ofFiles: Listing = { globals: ['--profile', '*'], command: 'config', args: ['--services'] }

function ofEngine(isAll: boolean, ...states: readonly string[]): Listing {
  const chosen = states.flatMap((state) => ['--status', state])
  return { globals: [], command: 'ps', args: ['--services', ...(isAll ? ['--all'] : []), ...chosen] }
}

/** In the order in which they are tried: without a file the engine knows the services, without an engine the file does. */
const listings: Readonly<Record<NameKind, readonly Listing[]>> = {
  machine: [{ globals: [], command: 'ls', args: ['-q'] }],
  project: [{ globals: [], command: 'ls', args: ['-q', '--all'] }],
  profile: [{ globals: [], command: 'config', args: ['--profiles'] }],
  service: [ofFiles, ofEngine(true)],
  'running-service': [ofEngine(false, 'running'), ofFiles],
  'paused-service': [ofEngine(true, 'paused'), ofFiles],
  'stopped-service': [ofEngine(true, 'created', 'exited', 'dead'), ofFiles],
}

/** The names that candidates of a kind begin with. */
export function toNameKind(kind: NameKind | 'scale' | 'copy'): NameKind {
  return kind === 'scale' || kind === 'copy' ? 'service' : kind
}

/**
 * Names of a kind, from the first listing that works; none when no listing does.
 *
 * @param capture what a command line printed; nothing when it failed or took too long
 */
export async function listNames(
  kind: NameKind,
  capture: (listing: Listing) => Promise<string | undefined>,
): Promise<readonly string[]> {
  for (const listing of listings[kind]) {
    const printed = await capture(listing)
    if (printed !== undefined) return printed.split('\n').filter((line) => line !== '')
  }
  return []
}
