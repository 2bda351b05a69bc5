import { FlotillaError } from '../../core/errors.ts'
import { isOddName, quoteName } from '../../core/odd-name.ts'
import { walkFolder } from '../../io/folder-walk.ts'
import type { ImageBuild } from './definition.ts'

/** The failure of a build whose context has a file of a name that is no text. @param who takes none */
export function refuseOddName(who: string, path: string, cause?: unknown): FlotillaError {
  return new FlotillaError('compose/unsupported', `${who} takes no names that are not UTF-8: ${quoteName(path)}`, {
    cause,
    hint: 'rename it, or name it in .dockerignore',
  })
}

/** The first such file of a build; undefined: there is none. */
export function findOddName(build: ImageBuild): string | undefined {
  for (const source of [build.context, ...Object.values(build.contexts)]) {
    if (source.kind !== 'folder') continue
    for (const { path, link = '' } of walkFolder(source.path)) if (isOddName(path + link)) return path
  }
  return undefined
}
