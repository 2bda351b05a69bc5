import { copyDictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'

/** What a provider wants its dependents to know. */
export interface ProviderVariable {
  readonly name: string
  readonly value: string
  readonly isRaw: boolean
}

/** The project in which the services that depend on a provider have its variables, named `SERVICE_NAME`. */
export function withVariables(
  project: Project,
  provider: string,
  variables: readonly ProviderVariable[],
  warn: (message: string) => void,
): Project {
  if (variables.length === 0) return project
  const services = copyDictionary(project.services)
  for (const [name, service] of Object.entries(project.services)) {
    if (service.depends_on?.[provider] === undefined) continue
    const environment = copyDictionary<string | null>(service.environment ?? {})
    for (const { name: variable, value, isRaw } of variables) {
      const key = isRaw ? variable : `${provider.toUpperCase()}_${variable}`
      const known = environment[key]
      if (isRaw && known !== undefined && known !== value) {
        warn(`provider "${provider}" overrides environment variable "${key}" in service "${name}"`)
      }
      environment[key] = value
    }
    services[name] = { ...service, environment }
  }
  return { ...project, services }
}
