import type { Context, Run } from '../../cli/command.ts'
import { COMPOSE_VERSION } from '../../compose/plan/label.ts'
import type { Project } from '../../compose/model/project.ts'
import { ANNOTATION, ARTIFACT } from '../../compose/remote/artifact.ts'
import { copyImage, pinImage } from '../../compose/remote/images.ts'
import { draftLayers } from '../../compose/remote/layers.ts'
import type { LayerDraft } from '../../compose/remote/layers.ts'
import { openRegistry } from '../../compose/remote/oci.ts'
import type { OciOptions } from '../../compose/remote/oci.ts'
import { checkPublishable } from '../../compose/remote/preflight.ts'
import { pushApplication, pushArtifact } from '../../compose/remote/publish.ts'
import type { OciVersion } from '../../compose/remote/publish.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { ProgressEvent } from '../../core/progress.ts'
import { parseReference } from '../../engine/registry/reference.ts'
import { readTextNow } from '../../io/text-files.ts'
import { promptConfirm } from '../../ui/prompt.ts'
import { openProject } from './project.ts'
import type { publishFlags } from './publish-table.ts'
import { toRegistryOptions } from './registry-options.ts'
import { withProgress } from './session.ts'

const maxFileBytes = 4 * 1024 * 1024

export const run: Run<typeof publishFlags> = async (ctx, flags, args) => {
  const [name, ...more] = args
  if (name === undefined || more.length > 0) {
    throw new FlotillaError('cli/usage', `"docker compose publish" requires exactly 1 argument`)
  }
  const version = readVersion(flags['oci-version'])
  const reference = parseReference(name)
  if (reference.digest !== undefined) throw new FlotillaError('cli/usage', `cannot publish to a digest: ${name}`)
  const project = await openProject(ctx, { skipEnvironment: true })
  const services = [...Object.values(project.services), ...Object.values(project.disabledServices)]
  const concerns = checkPublishable(project, {
    withEnv: flags['with-env'],
    envFileServices: services.filter((service) => (service.env_file ?? []).length > 0).map((service) => service.name),
  })
  const layers = draftLayers({
    files: project.composeFiles,
    version: COMPOSE_VERSION,
    hasEnvFiles: flags['with-env'],
    readText: (path) => readTextNow(path, maxFileBytes),
  })
  for (const { text, question } of concerns) {
    if (flags.yes) continue
    ctx.stderr.write(text)
    const { stdin, stderr, signal } = ctx
    if (await promptConfirm(`${question} [y/N]: `, { stdin, stdout: stderr, signal })) continue
    throw new FlotillaError('cli/usage', 'operation cancelled by user')
  }
  if (ctx.globals['dry-run'] === true) return 0
  await withProgress(ctx, async (progress) => {
    await publish(ctx, project, name, { ...flags, version }, layers, progress)
  })
  return 0
}

function readVersion(text: string | undefined): OciVersion | undefined {
  if (text === undefined || text === '') return undefined
  if (text === '1.0' || text === '1.1') return text
  throw new FlotillaError('cli/invalid-value', `invalid value for --oci-version: "${text}"; it is 1.0 or 1.1`)
}

interface Asked {
  readonly app: boolean
  readonly 'resolve-image-digests': boolean
  readonly version: OciVersion | undefined
}

async function publish(
  ctx: Context,
  project: Project,
  name: string,
  asked: Asked,
  layers: readonly LayerDraft[],
  progress: (event: ProgressEvent) => void,
): Promise<void> {
  const options = toRegistryOptions(ctx)
  progress({ id: name, status: 'working', text: 'publishing' })
  const pins = asked['resolve-image-digests'] ? [await pinLayer(project, options)] : []
  const client = await openRegistry(name, options)
  const tag = parseReference(name).tag ?? 'latest'
  const artifact = await pushArtifact(client, tag, [...layers, ...pins], asked.version)
  if (asked.app) {
    const images = [...new Set(Object.values(project.services).flatMap((service) => service.image ?? []))].sort()
    const copied = []
    for (const image of images) {
      progress({ id: image, status: 'working', text: 'copying', parentId: name })
      copied.push(await copyImage(image, client, options))
      progress({ id: image, status: 'done', text: 'copied', parentId: name })
    }
    await pushApplication(client, tag, [artifact, ...copied], COMPOSE_VERSION)
  }
  progress({ id: name, status: 'done', text: 'published' })
}

/** A last document that names every image by its digest. */
async function pinLayer(project: Project, options: OciOptions): Promise<LayerDraft> {
  const lines: string[] = ['services:\n']
  for (const service of Object.values(project.services)) {
    if (service.image === undefined) continue
    lines.push(
      `  ${JSON.stringify(service.name)}:\n    image: ${JSON.stringify(await pinImage(service.image, options))}\n`,
    )
  }
  return {
    mediaType: ARTIFACT.file,
    annotations: { [ANNOTATION.version]: COMPOSE_VERSION, [ANNOTATION.file]: 'image-digests.yaml' },
    text: lines.length === 1 ? 'services: {}\n' : lines.join(''),
  }
}
