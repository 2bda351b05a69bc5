/** A file, or a folder with one of the usual names, in a Git repository. */
export interface GitReference {
  readonly kind: 'git'
  /** As `git fetch` takes it, a scheme from the allow list or `user@host:path`. */
  readonly remote: string
  /** Branch, tag or commit; empty means the default branch. */
  readonly ref: string
  /** Path inside the tree, `/` between parts; empty means its root. */
  readonly path: string
}

/** A Compose artifact in a registry. */
export interface OciReference {
  readonly kind: 'oci'
  readonly name: string
}

export type RemoteReference = GitReference | OciReference

const scpPattern = /^[A-Za-z0-9_][\w.-]*@[A-Za-z0-9][\w.-]*:[^\s]+$/
const hostPattern = /^(?:[^/@]*@)?(?:[A-Za-z0-9][\w.-]*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?\//

/**
 * What a name of a Compose file means when it is no path: the forms that docker/compose and BuildKit take. Only
 * schemes on this list; `ext::`, `file://` and the like are paths here and nothing else.
 */
export function parseRemote(text: string): RemoteReference | undefined {
  if (text.startsWith('oci://')) return { kind: 'oci', name: text.slice('oci://'.length) }
  const hash = text.indexOf('#')
  const [address, fragment] = hash === -1 ? [text, ''] : [text.slice(0, hash), text.slice(hash + 1)]
  if (!isRepository(address)) return undefined
  const colon = fragment.indexOf(':')
  const [ref, path] = colon === -1 ? [fragment, ''] : [fragment.slice(0, colon), fragment.slice(colon + 1)]
  const remote = address.startsWith('github.com/') ? `https://${address}` : address
  return { kind: 'git', remote, ref, path }
}

function isRepository(address: string): boolean {
  if (/[\s\0]/.test(address)) return false
  if (address.startsWith('github.com/')) return true
  const scheme = /^(https?|git|ssh):\/\/(.*)$/.exec(address)
  if (scheme === null) return scpPattern.test(address) && !address.includes('://')
  const rest = scheme[2] ?? ''
  if (!hostPattern.test(rest)) return false
  return /^https?$/.test(scheme[1] ?? '') ? address.endsWith('.git') : true
}

/** Why a reference must not be used, or nothing. Names that look like options never reach git. */
export function findDanger(reference: GitReference): string | undefined {
  if (reference.ref.startsWith('-') || /[\s\0-\x1f~^:?*[\\]|\.\./.test(reference.ref)) return 'its ref is no name'
  if (reference.path.split(/[/\\]/).includes('..') || reference.path.includes('\0')) return 'its path leaves the tree'
  if (reference.path.startsWith('/') || /^[A-Za-z]:/.test(reference.path)) return 'its path is absolute'
  return undefined
}

/** The reference with a password in it covered, for messages. */
export function maskReference(text: string): string {
  return text.replace(/^([a-z]+:\/\/)[^/@]*@/, '$1***@')
}

/** A project name for a project that comes from there. */
export function nameOf(reference: RemoteReference): string {
  if (reference.kind === 'oci') {
    const named = reference.name.replace(/@.*$/, '').replace(/:[^/:]*$/, '')
    return named.slice(named.lastIndexOf('/') + 1)
  }
  const folder = reference.path.replace(/(?:^|\/)[^/]*\.ya?ml$/, '').replace(/\/+$/, '')
  const address = reference.remote.replace(/\/+$/, '').replace(/\.git$/, '')
  return (folder === '' ? address : folder).split(/[/:]/).at(-1) ?? ''
}
