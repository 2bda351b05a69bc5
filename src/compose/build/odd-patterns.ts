import { readFile } from 'node:fs/promises'
import { parseIgnoreFile } from '../../core/ignore.ts'
import type { ImageBuild } from './definition.ts'

/** A pattern that no builder can be told of, and the file it stands in. */
export interface OddPattern {
  readonly path: string
  readonly pattern: string
}

/**
 * The first pattern with control characters in a `.dockerignore` of a build: BuildKit passes patterns on in a header, which
 * takes none, and says neither file nor pattern.
 */
export async function findOddPattern({ context, dockerfile, contexts }: ImageBuild): Promise<OddPattern | undefined> {
  const sources = [context, ...Object.values(contexts)]
  const paths = [
    ...(dockerfile.kind === 'file' ? [`${dockerfile.path}.dockerignore`] : []),
    ...sources.flatMap((source) => (source.kind === 'folder' ? [`${source.path}/.dockerignore`] : [])),
  ]
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch(() => '')
    const pattern = parseIgnoreFile(text).find((each) => /\p{Cc}/u.test(each))
    if (pattern !== undefined) return { path, pattern }
  }
  return undefined
}
