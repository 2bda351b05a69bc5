import { FlotillaError } from '../../core/errors.ts'
import type { Project } from '../model/project.ts'
import type { Service } from '../model/service.ts'
import { ARTIFACT } from './artifact.ts'
import type { LayerDraft } from './layers.ts'
import { assignedNames, findSensitive, secretName } from './sensitive.ts'

export interface PreflightOptions {
  readonly withEnv: boolean
  /** Services whose files have env files, which a loaded project no longer tells. */
  readonly envFileServices: readonly string[]
  /** What is about to be published. */
  readonly layers: readonly LayerDraft[]
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
  const envFiles = o.layers.filter((layer) => layer.mediaType === ARTIFACT.envFile)
  const variables = [
    ...services.map((service) => ({
      title: `Service/Config  ${service.name}\n`,
      names: Object.keys(service.environment ?? {}),
    })),
    ...envFiles.map(({ path, text }) => ({ title: `Env file  ${path}\n`, names: assignedNames(text) })),
  ].filter(({ names }) => names.length > 0)
  if (o.withEnv && variables.length > 0) {
    concerns.push({
      // Names only: values of what may be secret are not printed.
      text: `you are about to publish environment variables within your OCI artifact.\nplease double check that you are not leaking sensitive data\n${variables
        .map(({ title, names }) => title + names.map((name) => `  ${name}\n`).join(''))
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
  const secrets = [...services.flatMap(findSecrets), ...o.layers.flatMap(findInLayer)]
  if (secrets.length > 0) {
    concerns.push({
      text: `you are about to publish sensitive data within your OCI artifact.\nplease double check that you are not leaking sensitive data\n${secrets.join('')}`,
      question: 'Are you ok to publish these sensitive data?',
    })
  }
  return concerns
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

function findSecrets(service: Service): readonly string[] {
  return Object.entries(service.environment ?? {}).flatMap(([name, value]) =>
    value !== null && value !== '' && secretName.test(name) ? [`  ${service.name}: ${name}\n`] : [],
  )
}

function findInLayer({ mediaType, path, text }: LayerDraft): readonly string[] {
  const names = mediaType === ARTIFACT.envFile ? assignedNames(text).filter((name) => secretName.test(name)) : []
  return [
    ...names.map((name) => `  ${path}: ${name}\n`),
    ...findSensitive(text).map(({ line, kind }) => `  ${path}:${line}: ${kind}\n`),
  ]
}
