import { join } from 'node:path'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import { execProgram } from '../../io/exec.ts'
import type { ExecResult, ProgramWords } from '../../io/exec.ts'
import { findExecutable } from '../../io/find-executable.ts'
import { fillOnce } from './cache.ts'
import { keepSmall } from './keep-small.ts'
import { findDanger, maskReference } from './reference.ts'
import type { GitReference } from './reference.ts'

export interface FetchOptions extends CallOptions {
  readonly clock: Clock
  /** Of this process; never that of the project, which may come from somebody else. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cache: string
  /** Most bytes one Git tree may take on disk. Default 1 GiB. */
  readonly maxTreeBytes?: number
}

/** A tree that was fetched. */
export interface FetchedTree {
  /** Absolute. */
  readonly root: string
  /** What it is, beyond doubt: a commit or a digest. */
  readonly pin: string
}

const limitMs = 5 * 60_000

/** Most bytes of one tree on disk, what git keeps beside it included. */
const defaultMaxBytes = 1024 * 1024 * 1024

/**
 * Fetches the tree of one commit with the git program, without history, submodules, hooks, filters and questions.
 *
 * @throws {compose/not-found} for a ref that is not there, {io/exec}, {platform/missing} without git
 */
export async function fetchGit(reference: GitReference, o: FetchOptions): Promise<FetchedTree> {
  const { remote, ref } = reference
  const shown = maskReference(remote)
  const danger = findDanger(reference)
  if (danger !== undefined) throw new FlotillaError('compose/invalid', `refusing ${shown}: ${danger}`)
  const pin = await resolveRef(await makeGit(o), remote, ref)
  const maxBytes = o.maxTreeBytes ?? defaultMaxBytes
  const fill = async (folder: string, signal: AbortSignal): Promise<void> => {
    const git = await makeGit({ ...o, signal })
    await check(git(['init', '--quiet', folder]), shown)
    const fetch = (what: readonly string[], depth: readonly string[]): Promise<ExecResult> =>
      git(['-C', folder, 'fetch', '--quiet', '--no-tags', '--no-recurse-submodules', ...depth, '--', remote, ...what])
    // Not every server gives a commit by its name.
    const first = await fetch([pin], ['--depth=1'])
    if (first.code !== 0) await check(fetch(ref === '' ? ['HEAD'] : [ref], []), shown)
    await check(git(['-C', folder, 'checkout', '--quiet', '--detach', pin]), shown)
  }
  const fillNamed = async (folder: string, signal: AbortSignal): Promise<void> => {
    try {
      await fill(folder, signal)
    } catch (error) {
      if (!isFlotillaError(error) || error.code !== 'core/deadline') throw error
      throw new FlotillaError('io/exec', `cannot fetch ${shown}: ${error.message}`, { cause: error })
    }
  }
  const root = await fillOnce(o.cache, pin, (folder) =>
    keepSmall(folder, { maxBytes, shown, ...o }, (signal) => fillNamed(folder, signal)),
  )
  return { root, pin }
}

/**
 * What ties git to a repository that is there already: set where we are called from a hook or an alias of git
 * (`git rev-parse --local-env-vars`). How a user reaches servers (GIT_SSH_…, GIT_SSL_…, GIT_ASKPASS, GIT_CONFIG_…) stays.
 */
const repositoryVariables: ReadonlySet<string> = new Set([
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_CEILING_DIRECTORIES',
  'GIT_COMMON_DIR',
  'GIT_CONFIG',
  'GIT_DIR',
  'GIT_GRAFT_FILE',
  'GIT_IMPLICIT_WORK_TREE',
  'GIT_INDEX_FILE',
  'GIT_INTERNAL_SUPER_PREFIX',
  'GIT_NAMESPACE',
  'GIT_NO_REPLACE_OBJECTS',
  'GIT_OBJECT_DIRECTORY',
  'GIT_PREFIX',
  'GIT_QUARANTINE_PATH',
  'GIT_REPLACE_REF_BASE',
  'GIT_SHALLOW_FILE',
  'GIT_TEMPLATE_DIR',
  'GIT_WORK_TREE',
])

type Git = (args: readonly string[]) => Promise<ExecResult>

async function makeGit(o: FetchOptions): Promise<Git> {
  const program = await findExecutable('git', o.env)
  if (program === undefined) {
    throw new FlotillaError('platform/missing', 'files from Git need the program git', { hint: 'install git' })
  }
  const inherited = Object.fromEntries(Object.entries(o.env).filter(([key]) => !repositoryVariables.has(key)))
  const env = {
    GIT_SSH_COMMAND: 'ssh -o ControlMaster=no -o BatchMode=yes',
    ...inherited,
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: 'http:https:git:ssh',
    GIT_LFS_SKIP_SMUDGE: '1',
  }
  const settings = ['-c', 'core.hooksPath=/dev/null', '-c', 'submodule.recurse=false', '-c', 'core.fsmonitor=false']
  return (args) => {
    const words: ProgramWords = [program, ...settings, ...args]
    const signal = o.signal === undefined ? {} : { signal: o.signal }
    return execProgram(words, { clock: o.clock, env, deadlineMs: limitMs, maxOutputBytes: 1024 * 1024, ...signal })
  }
}

async function check(running: Promise<ExecResult>, shown: string): Promise<ExecResult> {
  const result = await running
  if (result.code === 0) return result
  const lines = result.stderr.split(/\r?\n/).filter((line) => line.trim() !== '' && !commonplace.test(line))
  throw new FlotillaError('io/exec', `cannot fetch ${shown}: ${maskAll(lines.slice(-3).join('; '))}`)
}

/** What git says after every failure of `ssh`, which has said why. */
const commonplace = /^Please make sure you have the correct access rights$|^and the repository exists\.$/

/** git repeats addresses, passwords included. */
function maskAll(text: string): string {
  return text.replace(/([a-z]+:\/\/)[^/@\s]*@/g, '$1***@')
}

async function resolveRef(git: Git, remote: string, ref: string): Promise<string> {
  if (/^[0-9a-f]{40}$/.test(ref)) return ref
  const shown = maskReference(remote)
  const wanted = ref === '' ? 'HEAD' : ref
  let listed: ExecResult
  try {
    listed = await git(['ls-remote', '--', remote, wanted, `${wanted}^{}`])
  } catch (error) {
    throw new FlotillaError('io/exec', `cannot read ${shown}: ${toMessage(error)}`, { cause: error })
  }
  if (listed.code !== 0) await check(Promise.resolve(listed), shown)
  const refs = new Map(
    listed.stdout.split('\n').flatMap((line): readonly (readonly [string, string])[] => {
      const match = /^([0-9a-f]{40})\t(\S+)$/.exec(line)
      return match === null ? [] : [[match[2] ?? '', match[1] ?? '']]
    }),
  )
  const names = [`refs/tags/${wanted}^{}`, `refs/tags/${wanted}`, `refs/heads/${wanted}`, wanted]
  const found = names.map((name) => refs.get(name)).find((commit) => commit !== undefined)
  if (found !== undefined) return found
  throw new FlotillaError('compose/not-found', `repository does not contain ref ${wanted}: ${shown}`)
}

/** Where the path of a reference lies in its tree. */
export function pathInTree(reference: GitReference, root: string): string {
  return reference.path === '' ? root : join(root, reference.path)
}
