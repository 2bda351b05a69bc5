import * as posix from 'node:path/posix'
import { FlotillaError } from '../../core/errors.ts'
import { parseExactJson, renderPlainJson } from '../../core/exact-json.ts'
import { materialKey } from '../model/material.ts'
import { seccompPath } from '../model/seccomp.ts'
import type { Materials } from '../model/material.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'

/** What a service says of security, as the engine takes it. */
export interface Security {
  readonly options: readonly string[]
  /** Nothing under /proc and /sys is hidden or read-only. */
  readonly isUnmasked: boolean
}

/**
 * Options with their files read in: the engine has no access to what lies beside the Compose file.
 *
 * @throws {compose/not-found} for a profile or config that is not there; {compose/invalid} for one that is no JSON
 */
export function toSecurity(project: Project, service: Service, materials: Materials): Security {
  const options: string[] = []
  let isUnmasked = false
  for (const option of service.security_opt ?? []) {
    const profile = seccompPath(option)
    if (/^systempaths[=:]unconfined$/.test(option)) isUnmasked = true
    else if (profile === undefined) options.push(option)
    else options.push(`seccomp=${readProfile(profile, profilePath(project, profile), materials)}`)
  }
  const spec = toCredentialSpec(service, materials)
  return { options: spec === undefined ? options : [...options, `credentialspec=${spec}`], isUnmasked }
}

/** Absolute paths of the profiles a service names. */
export function seccompPaths(project: Project, service: Service): readonly string[] {
  return (service.security_opt ?? []).flatMap((option) => {
    const profile = seccompPath(option)
    return profile === undefined ? [] : [profilePath(project, profile)]
  })
}

function profilePath(project: Project, value: string): string {
  return posix.resolve(project.workingDir, value)
}

/** Compact, because it becomes part of a request. Its numbers are compared with whole registers: none may be rounded. */
function readProfile(name: string, path: string, materials: Materials): string {
  const content = materials.entries.get(materialKey('seccomp', path))?.content
  if (content === undefined) {
    const message = `opening seccomp profile (${name}) failed: open ${path}: no such file or directory`
    throw new FlotillaError('compose/not-found', message)
  }
  try {
    return renderPlainJson(parseExactJson(Buffer.from(content).toString('utf8')))
  } catch (error) {
    const message = `compacting json for seccomp profile (${name}) failed: it is not JSON`
    throw new FlotillaError('compose/invalid', message, { cause: error })
  }
}

/** Windows only; an engine elsewhere refuses the option by name. */
function toCredentialSpec(service: Service, materials: Materials): string | undefined {
  const spec = service.credential_spec
  if (spec === undefined) return undefined
  if (spec.file !== undefined && spec.file !== '') return `file://${spec.file}`
  if (spec.registry !== undefined && spec.registry !== '') return `registry://${spec.registry}`
  if (spec.config === undefined || spec.config === '') return undefined
  const content = materials.entries.get(materialKey('config', spec.config))?.content
  if (content === undefined) {
    throw new FlotillaError(
      'compose/not-found',
      `service "${service.name}": credential_spec.config "${spec.config}" has no content that can be read`,
    )
  }
  return `raw://${Buffer.from(content).toString('utf8')}`
}
