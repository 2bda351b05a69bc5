import { sortedNames } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { toImageReference } from '../translate/name.ts'
import { networkKeysOf } from '../translate/network.ts'

/** What the picture shows besides the services and what they depend on. */
export interface VizOptions {
  readonly hasNetworks: boolean
  readonly hasPorts: boolean
  readonly hasImages: boolean
  /** One level of indentation. */
  readonly indent: string
}

/** The project as a graph in the language of Graphviz: services, and arrows to what they depend on. */
export function renderViz(project: Project, options: VizOptions): string {
  const { indent } = options
  const names = sortedNames(project.services)
  const nodes = names.flatMap((name) => {
    const service = project.services[name]
    return service === undefined
      ? []
      : [`${indent}${quote(name)} [style="filled" label=<${label(project, service, options)}>];`]
  })
  const edges = names.flatMap((name) => renderEdges(name, project.services[name], indent))
  const head = [`digraph ${quote(project.name)} {`, `${indent}layout=dot;`]
  return [...head, ...nodes, '', ...edges, '}', ''].join('\n')
}

function renderEdges(name: string, service: Service | undefined, indent: string): readonly string[] {
  return sortedNames(service?.depends_on ?? {}).map((target) => `${indent}${quote(name)} -> ${quote(target)};`)
}

function label(project: Project, service: Service, options: VizOptions): string {
  const parts = [`<font point-size="15">${escape(service.name)}</font>`]
  const networks = networkKeysOf(service)
  if (options.hasNetworks && networks.length > 0) parts.push(section('Networks', networks))
  const ports = (service.ports ?? []).map(
    (port) =>
      `${port.host_ip === undefined || port.host_ip === '' ? '' : `${port.host_ip}:`}${port.published ?? ''}:${port.target} ` +
      `(${port.protocol ?? ''}, ${port.mode ?? ''})`,
  )
  if (options.hasPorts && ports.length > 0) parts.push(section('Ports', ports))
  if (options.hasImages) parts.push(section('Image', [toImageReference(project, service)]))
  return parts.join('')
}

function section(title: string, lines: readonly string[]): string {
  return `<font point-size="10"><br/><br/><b>${title}:</b><br/>${lines.map(escape).join('<br/>')}</font>`
}

/** An HTML label must stay one, whatever a name holds. */
function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '\\"')}"`
}
