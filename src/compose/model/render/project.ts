import { fileObjectStruct, modelStruct, networkStruct, volumeStruct } from '../field/resource.ts'
import type { Struct } from '../field/kind.ts'
import { serviceStruct } from '../field/service.ts'
import type { Dictionary } from '../dictionary.ts'
import type { Project } from '../project.ts'
import { renderJson } from './json.ts'
import { jsonOrder, toOut, yamlOrder } from './out.ts'
import type { Out, OutMap } from './out.ts'
import { renderStruct } from './struct.ts'
import type { Format } from './struct.ts'
import { renderYaml } from './yaml.ts'

/**
 * A project as `config` prints it, dollar signs not yet doubled. JSON leaves out models and the `x-` keys
 * below the top level and ends without a line feed, as in the reference version.
 */
export function renderProject(project: Project, format: Format): string {
  return format === 'json' ? renderJson(toJson(project), 2) : renderYaml(toYaml(project))
}

/** A tree that was not bound to the model, keys sorted. */
export function renderTree(tree: unknown, format: Format): string {
  return format === 'json' ? renderJson(toOut(tree, jsonOrder), 2) : renderYaml(toOut(tree, yamlOrder))
}

function toYaml(project: Project): OutMap {
  const made = new Map<string, Out>()
  if (project.name !== '') made.set('name', project.name)
  made.set('services', renderAll(serviceStruct, withoutLabelFiles(project.services), 'yaml'))
  for (const [key, out] of resourcesOf(project, 'yaml')) made.set(key, out)
  const models = renderAll(modelStruct, project.models, 'yaml')
  if (models.size > 0) made.set('models', models)
  for (const key of extensionsOf(project).sort(yamlOrder)) made.set(key, toOut(valueOf(project, key), yamlOrder))
  return made
}

function toJson(project: Project): OutMap {
  const entries: (readonly [string, Out])[] = [
    ['name', project.name],
    ['services', renderAll(serviceStruct, withoutLabelFiles(project.services), 'json')],
    ...resourcesOf(project, 'json'),
    ...extensionsOf(project).map((key) => [key, toOut(valueOf(project, key), jsonOrder)] as const),
  ]
  return new Map(entries.sort(([left], [right]) => jsonOrder(left, right)))
}

function resourcesOf(project: Project, format: Format): readonly (readonly [string, Out])[] {
  const resources = [
    ['networks', renderAll(networkStruct, project.networks, format)],
    ['volumes', renderAll(volumeStruct, project.volumes, format)],
    ['secrets', renderAll(fileObjectStruct, withoutContent(project.secrets), format)],
    ['configs', renderAll(fileObjectStruct, withoutContent(project.configs), format)],
  ] as const
  return resources.filter(([, out]) => out.size > 0)
}

/** What label files say stands in `labels`. */
function withoutLabelFiles(services: Project['services']): Project['services'] {
  if (!Object.values(services).some((service) => service.label_file !== undefined)) return services
  const made = Object.create(null) as Record<string, Project['services'][string]>
  for (const [name, { label_file: _, ...service }] of Object.entries(services)) made[name] = service
  return made
}

/** What a variable holds is never shown; what the file itself says is. */
function withoutContent(objects: Project['configs']): Project['configs'] {
  const made = Object.create(null) as Record<string, Project['configs'][string]>
  for (const [key, object] of Object.entries(objects)) {
    const { content, ...rest } = object
    made[key] = (object.environment ?? '') === '' && content !== undefined ? { ...rest, content } : rest
  }
  return made
}

function renderAll<T>(struct: Struct, all: Dictionary<T>, format: Format): OutMap {
  const names = Object.keys(all).sort(format === 'json' ? jsonOrder : yamlOrder)
  return new Map(
    names.map((name) => [name, renderStruct(struct, all[name] as Readonly<Record<string, unknown>>, format)] as const),
  )
}

function extensionsOf(project: Project): string[] {
  return Object.keys(project).filter((key) => key.startsWith('x-'))
}

function valueOf(project: Project, key: string): unknown {
  return Reflect.get(project, key)
}
