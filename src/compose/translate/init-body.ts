import type { InitHook, Service } from '../model/service.ts'
import { COMPOSE_VERSION, LABEL } from '../plan/label.ts'
import { dropEmpty } from './api-version.ts'
import type { ContainerCreateBody } from './body.ts'
import { toEnvironment } from './environment.ts'
import { toCapabilities } from './capability.ts'

/** What a `pre_start` container is made of. */
export interface InitSource {
  readonly project: string
  readonly service: Service
  readonly hook: InitHook
  /** The container about to start: the volumes are its own. */
  readonly containerId: string
  /** The image that container was made of. */
  readonly image: string
  /** How that container is connected; the engine's word. */
  readonly networkMode: string
}

/**
 * The create body of a `pre_start` container. It works on the volumes and in the network of the container it
 * prepares. With the service's own image it has the service's user and working directory, too.
 */
export function toInitBody(source: InitSource): ContainerCreateBody {
  const { service, hook, project } = source
  const own: Partial<Service> = hook.image === undefined || hook.image === service.image ? service : {}
  return {
    Image: hook.image ?? source.image,
    Cmd: hook.command ?? [],
    ...dropEmpty({
      User: hook.user ?? own.user ?? '',
      WorkingDir: hook.working_dir ?? own.working_dir ?? '',
      Env: [...toEnvironment(service.environment), ...toEnvironment(hook.environment)],
    }),
    AttachStdout: true,
    AttachStderr: true,
    // What is left of it after a crash is found by `down` like a container of `run`.
    Labels: {
      [LABEL.project]: project,
      [LABEL.service]: service.name,
      [LABEL.oneOff]: 'True',
      [LABEL.configHash]: 'pre_start',
      [LABEL.version]: COMPOSE_VERSION,
    },
    HostConfig: {
      NetworkMode: source.networkMode,
      VolumesFrom: [source.containerId],
      ...dropEmpty({
        Privileged: hook.privileged === true,
        Dns: service.dns ?? [],
        DnsOptions: service.dns_opt ?? [],
        DnsSearch: service.dns_search ?? [],
        ExtraHosts: Object.entries(service.extra_hosts ?? {}).flatMap(([host, addresses]) =>
          addresses.map((address) => `${host}:${address}`),
        ),
        SecurityOpt: own.security_opt ?? [],
        CapAdd: toCapabilities(own.cap_add),
        CapDrop: toCapabilities(own.cap_drop),
      }),
    },
  }
}
