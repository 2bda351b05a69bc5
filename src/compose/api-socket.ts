import { copyDictionary } from './model/dictionary.ts'
import type { Project } from './model/project.ts'
import type { Service } from './model/service.ts'

/**
 * Where the engine has its socket, whatever the way here leads over: a virtual machine, a tunnel, or a network. The reference
 * program mounts this one, and its path is part of the hash.
 */
const socket = '/var/run/docker.sock'

/** Key of the config that holds the user's credentials; no file can have it. */
const configKey = '#apisocket'

/**
 * The project in which services with `use_api_socket` have the engine's socket, and the user's credentials where
 * docker programs look for them (docker/compose pkg/compose/apiSocket.go).
 *
 * @param credentials text of a docker `config.json`
 */
export function withApiSocket(project: Project, credentials: string): Project {
  const services = copyDictionary(project.services)
  for (const [name, service] of Object.entries(services)) {
    if (service.use_api_socket === true) services[name] = withSocket(service)
  }
  const configs = copyDictionary(project.configs)
  configs[configKey] = { name: configKey, content: credentials }
  return { ...project, services, configs }
}

function withSocket(service: Service): Service {
  const environment = copyDictionary<string | null>(service.environment ?? {})
  environment['DOCKER_CONFIG'] ??= '/run/secrets/docker'
  return {
    ...service,
    environment,
    volumes: [...(service.volumes ?? []), { type: 'bind', source: socket, target: socket }],
    configs: [...(service.configs ?? []), { source: configKey, target: '/run/secrets/docker/config.json' }],
  }
}
