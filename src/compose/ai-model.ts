import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { FlotillaError } from '../core/errors.ts'
import type { Progress } from '../core/progress.ts'
import { findCliPlugin } from '../engine/cli-plugin.ts'
import { execProgram } from '../io/exec.ts'
import type { ExecOptions } from '../io/exec.ts'
import { copyDictionary } from './model/dictionary.ts'
import type { Project } from './model/project.ts'
import type { Model } from './model/resource.ts'
import type { Service } from './model/service.ts'
import type { Environments } from './provider/recall.ts'
import { toProgramEnvironment } from './provider/program-environment.ts'

export interface ModelOptions extends CallOptions {
  /** Of this process. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly progress: Progress
}

/**
 * Gets the AI models that services use ready, by the docker-model plugin, and tells the services where they are.
 *
 * @returns the project with `<MODEL>_URL` and `<MODEL>_MODEL`, or the names the service asks for, in environments
 * @throws {compose/not-found} `'models' support requires Docker Model plugin`; {compose/execute} when it fails
 */
export async function prepareModels(project: Project, services: readonly Service[], o: ModelOptions): Promise<Project> {
  const used = new Set(services.flatMap((service) => Object.keys(service.models ?? {})))
  if (used.size === 0) return project
  const plugin = await findCliPlugin('model', o.env)
  if (plugin === undefined) {
    const first = services.find((service) => Object.keys(service.models ?? {}).length > 0)
    throw new FlotillaError('compose/not-found', "'models' support requires Docker Model plugin", {
      hint: `service "${first?.name ?? ''}" uses models; install docker-model-plugin`,
    })
  }
  const call: Call = (args, onLine) => callPlugin(plugin, args, project, { ...o, ...(onLine && { onLine }) })
  const present = await listModels(call)
  for (const key of [...used].sort()) {
    const model = project.models[key]
    if (model !== undefined) await prepareModel(key, model, present, call, o.progress)
  }
  const endpoint = parseEndpoint(await call(['status', '--json']))
  return withModelVariables(project, services, () => endpoint)
}

/** The project in which services have the addresses of models that their containers have now. */
export function recallModels(project: Project, services: readonly Service[], environments: Environments): Project {
  return withModelVariables(project, services, (service, variable) => environments.get(service)?.[variable] ?? '')
}

/** Calls the plugin. @returns what it printed, each line of which is heard as it comes, too */
type Call = (args: readonly string[], onLine?: (line: string) => void) => Promise<string>

async function callPlugin(
  plugin: string,
  args: readonly string[],
  project: Project,
  o: ModelOptions & Pick<ExecOptions, 'onLine'>,
): Promise<string> {
  const { code, stdout, stderr } = await execProgram([plugin, ...args], {
    clock: o.clock,
    env: toProgramEnvironment(project.environment, o.env),
    ...(o.signal !== undefined && { signal: o.signal }),
    ...(o.onLine !== undefined && { onLine: o.onLine }),
  })
  if (code === 0) return stdout
  const said = `${stderr}${stdout}`.trim().slice(-1000)
  throw new FlotillaError('compose/execute', `docker model ${args.join(' ')} ended with exit code ${code}`, {
    hint: said === '' ? 'it said nothing' : said,
  })
}

async function prepareModel(
  key: string,
  model: Model,
  present: ReadonlySet<string>,
  call: Call,
  progress: Progress,
): Promise<void> {
  const id = model.name === undefined || model.name === '' ? key : model.name
  const tell = (status: 'working' | 'done', text: string): void => progress({ id, status, text, isTransfer: true })
  const name = model.model ?? key
  if (!present.has(name)) {
    tell('working', 'Pulling')
    await call(['pull', name], (line) => {
      progress({ id, status: 'working', text: 'Pulling', detail: line, isTransfer: true })
    })
    tell('working', 'Pulled')
  }
  tell('working', 'Configuring')
  const size = model.context_size ?? 0
  const flags = model.runtime_flags ?? []
  await call([
    'configure',
    ...(size > 0 ? ['--context-size', String(size)] : []),
    name,
    ...(flags.length > 0 ? ['--', ...flags] : []),
  ])
  tell('done', 'Configured')
}

/** Older plugins have no list: then everything is pulled, which is quick for what is there. */
async function listModels(call: Call): Promise<ReadonlySet<string>> {
  try {
    const value: unknown = JSON.parse(await call(['ls', '--json']))
    if (!Array.isArray(value)) return new Set()
    return new Set(value.flatMap((entry: { readonly tags?: readonly string[] | null }) => entry.tags ?? []))
  } catch {
    return new Set()
  }
}

function parseEndpoint(text: string): string {
  try {
    const value: unknown = JSON.parse(text)
    const endpoint: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'endpoint') : undefined
    if (typeof endpoint === 'string') return endpoint
  } catch {
    // Told below.
  }
  throw new FlotillaError('compose/execute', 'docker model status --json names no endpoint')
}

function withModelVariables(
  project: Project,
  services: readonly Service[],
  endpointOf: (service: string, variable: string) => string,
): Project {
  const changed = copyDictionary(project.services)
  for (const service of services) {
    const models = Object.entries(service.models ?? {})
    if (models.length === 0) continue
    const environment = copyDictionary<string | null>(service.environment ?? {})
    for (const [key, names] of models) {
      const prefix = key.toUpperCase().replaceAll('-', '_')
      environment[names?.model_var ?? `${prefix}_MODEL`] = project.models[key]?.model ?? key
      const variable = names?.endpoint_var ?? `${prefix}_URL`
      environment[variable] = endpointOf(service.name, variable)
    }
    changed[service.name] = { ...service, environment }
  }
  return { ...project, services: changed }
}
