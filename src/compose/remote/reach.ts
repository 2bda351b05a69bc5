import { isMap } from '../load/tree.ts'
import type { Tree, TreeMap } from '../load/tree.ts'
import type { Project } from '../model/project.ts'

/**
 * What a project from elsewhere gets of this computer once it runs, for the user to look at before that: lines of text.
 *
 * @param tree the project as it is written, where names without value still have none
 * @param resolveLinks where a path leads: a folder of the fetched tree may be a link to any other
 */
export function listReach(project: Project, tree: TreeMap, resolveLinks: (path: string) => string): readonly string[] {
  const services = Object.values(project.services)
  const place = (path: string): string => {
    const real = resolveLinks(path)
    return real === path ? path : `${path} (${real})`
  }
  const mounts = [
    ...services.flatMap((service) =>
      (service.volumes ?? []).flatMap((mount) =>
        mount.type === 'bind' ? [`${service.name}: ${place(mount.source ?? '')} on ${mount.target ?? ''}`] : [],
      ),
    ),
    ...Object.entries(project.volumes).flatMap(([name, { driver_opts: options = {} }]) =>
      options['device']?.startsWith('/') === true ? [`volume ${name}: ${place(options['device'])}`] : [],
    ),
  ]
  const variables = new Set([
    ...[...Object.values(project.secrets), ...Object.values(project.configs)].flatMap((object) =>
      object.environment === undefined || object.environment === '' ? [] : [object.environment],
    ),
    ...Object.values(mapOf(tree['services'])).flatMap((service) => namesWithoutValue(mapOf(service)['environment'])),
  ])
  const programs = services.flatMap(({ name, provider }) =>
    provider === undefined ? [] : [`${name}: ${provider.type}`],
  )
  const trusted = services.flatMap(({ name, use_api_socket: uses }) => (uses === true ? [name] : []))
  return [
    ...titled('It takes the values of variables:\n', [...variables].sort()),
    ...titled('It mounts folders of the host:\n', mounts),
    ...titled('It runs programs of this computer:\n', programs),
    ...titled('It gives the engine and your logins at registries to:\n', trusted),
  ]
}

function titled(title: string, lines: readonly string[]): readonly string[] {
  // A name could otherwise overwrite lines of the terminal, or make some of its own.
  const shown = lines.map((line) => `  ${line.replaceAll(/\p{Cc}/gu, '\uFFFD')}\n`)
  return lines.length === 0 ? [] : [title, ...shown]
}

function mapOf(tree: Tree | undefined): TreeMap | Readonly<Record<string, never>> {
  return isMap(tree) ? tree : {}
}

function namesWithoutValue(environment: Tree | undefined): readonly string[] {
  if (Array.isArray(environment)) {
    return environment.filter((entry): entry is string => typeof entry === 'string' && !entry.includes('='))
  }
  return Object.entries(mapOf(environment)).flatMap(([name, value]) => (value === null ? [name] : []))
}
