import { FlotillaError } from '../../core/errors.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'

export interface PreflightOptions {
  readonly withEnv: boolean
  /** Services whose files have env files, which a loaded project no longer tells. */
  readonly envFileServices: readonly string[]
}

/** What has to be confirmed before a project is published. */
export interface Concern {
  readonly text: string
  readonly question: string
}

/**
 * What must not be published is an error, what may give something away is asked about (docker/compose
 * pkg/compose/publish.go).
 *
 * @throws {compose/invalid}
 */
export function checkPublishable(project: Project, o: PreflightOptions): readonly Concern[] {
  const services = [...Object.values(project.services), ...Object.values(project.disabledServices)]
  refuseUnnamedImages(services)
  if (!o.withEnv) refuseEnvironment(services, o)
  const concerns: Concern[] = []
  const environment = services.filter((service) => Object.keys(service.environment ?? {}).length > 0)
  if (o.withEnv && environment.length > 0) {
    concerns.push({
      text: `you are about to publish environment variables within your OCI artifact.\nplease double check that you are not leaking sensitive data\n${environment
        .map((service) => `Service/Config  ${service.name}\n${listVariables(service)}`)
        .join('')}`,
      question: 'Are you ok to publish these environment variables?',
    })
  }
  const mounts = services.flatMap((service) =>
    (service.volumes ?? []).flatMap((mount) =>
      mount.type === 'bind' ? [`  ${service.name}: ${mount.source ?? ''}:${mount.target ?? ''}\n`] : [],
    ),
  )
  if (mounts.length > 0) {
    concerns.push({
      text: `you are about to publish bind mounts declaration within your OCI artifact.\nonly the bind mount declarations will be added to the OCI artifact (not content)\nplease double check that you are not mounting potential user's sensitive directories or data\n${mounts.join('')}`,
      question: 'Are you ok to publish these bind mount declarations?',
    })
  }
  const secrets = services.flatMap(findSecrets)
  if (secrets.length > 0) {
    concerns.push({
      text: `you are about to publish sensitive data within your OCI artifact.\nplease double check that you are not leaking sensitive data\n${secrets.join('')}`,
      question: 'Are you ok to publish these sensitive data?',
    })
  }
  return concerns
}

/** Names only: values of what may be secret are not printed. */
function listVariables(service: Service): string {
  return Object.keys(service.environment ?? {})
    .map((name) => `  ${name}\n`)
    .join('')
}

function refuseUnnamedImages(services: readonly Service[]): void {
  const built = services.filter((service) => (service.image ?? '') === '' && service.build !== undefined)
  if (built.length === 0) return
  const names = built.map((service) => `- "${service.name}"\n`).join('')
  throw new FlotillaError(
    'compose/invalid',
    `your Compose stack cannot be published as it only contains a build section for service(s):\n${names}`,
  )
}

function refuseEnvironment(services: readonly Service[], o: PreflightOptions): void {
  const lines = services.flatMap((service) => [
    ...(o.envFileServices.includes(service.name) ? [`service "${service.name}" has env_file declared.`] : []),
    ...(Object.values(service.environment ?? {}).some((value) => value !== null)
      ? [`service "${service.name}" has environment variable(s) declared.`]
      : []),
  ])
  if (lines.length === 0) return
  throw new FlotillaError(
    'compose/invalid',
    `${lines.join('\n')}\nTo avoid leaking sensitive data, you must either explicitly allow the sending of environment variables by using the --with-env flag,\nor remove sensitive data from your Compose configuration`,
  )
}

const secretName = /(?:password|passwd|secret|token|api_?key|private_?key|credential)/i
const secretValue =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bxox[abpr]-[A-Za-z0-9-]{10,}/

function findSecrets(service: Service): readonly string[] {
  return Object.entries(service.environment ?? {}).flatMap(([name, value]) => {
    if (value === null || value === '') return []
    return secretName.test(name) || secretValue.test(value) ? [`  ${service.name}: ${name}\n`] : []
  })
}
