import { sep } from 'node:path'
import { FlotillaError } from '../../core/errors.ts'
import { kindOfPath, readLooseTextNow, readTextNow, resolveLinks } from '../../io/text-files.ts'
import type { Files } from '../load/options.ts'
import { RemoteNeeded } from '../load/remote-needed.ts'
import { fetchGit, pathInTree } from './git.ts'
import type { FetchedTree } from './git.ts'
import { fetchOci } from './oci.ts'
import type { OciOptions } from './oci.ts'
import { maskReference, nameOf, parseRemote } from './reference.ts'
import { mainName } from './artifact.ts'

/** A remote source of a project, for people to look at. */
export interface RemoteSource {
  /** As written, a password in it covered. */
  readonly reference: string
  /** The commit or digest. */
  readonly pin: string
  /** The file on this computer. */
  readonly path: string
}

/** Files of this computer and of remote places. */
export interface RemoteFiles {
  readonly files: Files
  readonly sources: readonly RemoteSource[]
  /** A project name for files that all come from elsewhere. */
  readonly nameOf: (paths: readonly string[]) => string | undefined
  /** Loads, fetches what the loader asks for, and loads again, until nothing is missing. */
  load<T>(body: () => Promise<T>): Promise<T>
}

const fileNames = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml']
const maxFetches = 100

export function makeRemoteFiles(options: OciOptions): RemoteFiles {
  const paths = new Map<string, string>()
  const roots: string[] = []
  const sources: RemoteSource[] = []

  function treeOf(path: string): string | undefined {
    return roots.find((root) => path === root || path.startsWith(root + sep))
  }
  /** A link in a fetched tree must not lead out of it. */
  function confined<T>(path: string, read: () => T): T {
    const root = treeOf(path)
    if (root === undefined) return read()
    const [real, realRoot] = [resolveLinks(path), resolveLinks(root)]
    if (real === realRoot || real.startsWith(realRoot + sep)) return read()
    throw new FlotillaError('compose/invalid', `refusing ${path}: it leads out of the tree it was fetched with`)
  }
  const files: Files = {
    readText: (path, maxBytes) => confined(path, () => readTextNow(path, maxBytes)),
    readLooseText: (path, maxBytes) => confined(path, () => readLooseTextNow(path, maxBytes)),
    kindOf: (path) => confined(path, () => kindOfPath(path)),
    resolveLinks,
    treeOf,
    fetched(reference) {
      if (parseRemote(reference) === undefined) return undefined
      const path = paths.get(reference)
      if (path === undefined) throw new RemoteNeeded(reference)
      return path
    },
  }
  async function fetch(text: string): Promise<void> {
    const reference = parseRemote(text)
    if (reference === undefined) throw new FlotillaError('internal', `${text} is no remote reference`)
    checkSwitch(reference.kind, options.env)
    let tree: FetchedTree
    let path: string
    if (reference.kind === 'git') {
      tree = await fetchGit(reference, options)
      path = pathInTree(reference, tree.root)
    } else {
      tree = await fetchOci(reference, options)
      path = `${tree.root}${sep}${mainName}`
    }
    roots.push(tree.root)
    const file = files.kindOf(path) === 'folder' ? findFile(path, files) : path
    if (file === undefined || files.kindOf(file) === 'missing') {
      throw new FlotillaError(
        'compose/not-found',
        `${maskReference(text)} has no ${reference.kind === 'git' && reference.path !== '' ? reference.path : mainName}`,
      )
    }
    paths.set(text, file)
    sources.push({ reference: maskReference(text), pin: tree.pin, path: file })
  }
  return {
    files,
    sources,
    nameOf(files) {
      const [first] = files
      if (first === undefined || files.some((path) => treeOf(path) === undefined)) return undefined
      const written = [...paths].find(([, path]) => path === first)?.[0]
      const reference = written === undefined ? undefined : parseRemote(written)
      return reference === undefined ? undefined : nameOf(reference)
    },
    async load(body) {
      for (let count = 0; ; count += 1) {
        try {
          return await body()
        } catch (error) {
          if (!(error instanceof RemoteNeeded)) throw error
          if (count >= maxFetches) {
            throw new FlotillaError('compose/limit', `the project names more than ${maxFetches} remote files`)
          }
          await fetch(error.reference)
        }
      }
    },
  }
}

function findFile(folder: string, files: Files): string | undefined {
  return fileNames.map((name) => `${folder}${sep}${name}`).find((path) => files.kindOf(path) === 'file')
}

/** The user may have switched remote files off (docker/compose pkg/remote). */
function checkSwitch(kind: 'git' | 'oci', env: Readonly<Record<string, string | undefined>>): void {
  const own = kind === 'git' ? 'COMPOSE_EXPERIMENTAL_GIT_REMOTE' : 'COMPOSE_EXPERIMENTAL_OCI_REMOTE'
  for (const name of ['COMPOSE_EXPERIMENTAL', own]) {
    const value = env[name]
    if (value === undefined || value === '' || /^(?:1|t|true|y|yes|on)$/i.test(value)) continue
    throw new FlotillaError('cli/usage', `${kind === 'git' ? 'git' : 'OCI'} remote resource is disabled by "${name}"`)
  }
}
