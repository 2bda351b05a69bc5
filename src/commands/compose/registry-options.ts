import type { Context } from '../../cli/command.ts'
import { remoteCacheFolder } from '../../compose/remote/cache.ts'
import type { OciOptions } from '../../compose/remote/oci.ts'
import { readRegistryAuth } from '../../engine/registry-credentials.ts'

/** How a command talks to registries: with what the docker command is logged in with. */
export function toRegistryOptions(ctx: Context): OciOptions {
  const { env, clock, signal } = ctx
  const insecure = ctx.globals['insecure-registry']
  return {
    env,
    clock,
    signal,
    cache: remoteCacheFolder(env),
    insecureRegistries: Array.isArray(insecure) ? insecure.filter((entry) => typeof entry === 'string') : [],
    registryAuth: (reference) => readRegistryAuth(reference, { env, clock, signal }),
  }
}
