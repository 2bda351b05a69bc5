import type { Context, Run } from '../../cli/command.ts'
import { planPushes } from '../../compose/plan/image-plan.ts'
import { COMPOSE_VERSION } from '../../compose/plan/label.ts'
import { execute } from '../../compose/execute.ts'
import type { Service } from '../../compose/model/service.ts'
import { ANNOTATION, ARTIFACT } from '../../compose/remote/artifact.ts'
import { copyImage } from '../../compose/remote/images.ts'
import { draftLayers } from '../../compose/remote/layers.ts'
import type { LayerDraft } from '../../compose/remote/layers.ts'
import { openRegistry } from '../../compose/remote/oci.ts'
import { checkPublishable } from '../../compose/remote/preflight.ts'
import { pushApplication, pushArtifact } from '../../compose/remote/publish.ts'
import type { OciVersion } from '../../compose/remote/publish.ts'
import { reportPlan } from '../../compose/report-plan.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { ProgressEvent } from '../../core/progress.ts'
import { parseReference } from '../../engine/registry/reference.ts'
import { readTextNow } from '../../io/text-files.ts'
import { promptConfirm } from '../../ui/prompt.ts'
import { readAuth } from './build-host.ts'
import { makePinning } from './pin-image.ts'
import { openProject } from './project.ts'
import type { publishFlags } from './publish-table.ts'
import { toRegistryOptions } from './registry-options.ts'
import { withProgress, withSession } from './session.ts'

const maxFileBytes = 4 * 1024 * 1024

export const run: Run<typeof publishFlags> = async (ctx, flags, args) => {
  const [name, ...more] = args
  if (name === undefined || more.length > 0) {
    throw new FlotillaError('cli/usage', "docker: 'docker compose publish' requires 1 argument", {
      hint: 'publish REPOSITORY[:TAG]',
    })
  }
  const version = readVersion(flags['oci-version'])
  const reference = parseReference(name)
  if (reference.digest !== undefined) throw new FlotillaError('cli/usage', `cannot publish to a digest: ${name}`)
  const project = await openProject(ctx, { skipEnvironment: true })
  const services = [...Object.values(project.services), ...Object.values(project.disabledServices)]
  const layers = draftLayers({
    files: project.composeFiles,
    version: COMPOSE_VERSION,
    hasEnvFiles: flags['with-env'],
    readText: (path) => readTextNow(path, maxFileBytes),
  })
  const concerns = checkPublishable(project, {
    withEnv: flags['with-env'],
    envFileServices: services.filter((service) => (service.env_file ?? []).length > 0).map((service) => service.name),
    layers,
  })
  for (const { text, question } of concerns) {
    if (flags.yes) continue
    ctx.stderr.write(text)
    const { stdin, stderr, signal } = ctx
    if (await promptConfirm(`${question} [y/N]: `, { stdin, stdout: stderr, signal })) continue
    throw new FlotillaError('cli/usage', 'operation cancelled by user')
  }
  await pushBuilt(ctx, services)
  await withProgress(
    ctx,
    async (progress) => {
      progress({ id: name, status: 'working', text: 'publishing', isTransfer: true })
      if (ctx.globals['dry-run'] !== true) await publish(ctx, services, name, { ...flags, version }, layers, progress)
      progress({ id: name, status: 'done', text: 'published', isTransfer: true })
    },
    'Publishing',
  )
  return 0
}

/** Images that are built here go along to where the files say; one that cannot be pushed keeps nothing from being published. */
async function pushBuilt(ctx: Context, services: readonly Service[]): Promise<void> {
  const plan = planPushes(services, true)
  if (plan.steps.length === 0) return
  await withSession(ctx, async ({ engine, isDryRun, parallel, progress }) => {
    if (isDryRun) {
      reportPlan(plan, progress)
      return
    }
    const registryAuth = (reference: string): Promise<string | undefined> => readAuth(ctx, reference)
    await execute(plan, engine, { clock: ctx.clock, progress, parallel, registryAuth, signal: ctx.signal })
  })
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
  services: readonly Service[],
  name: string,
  asked: Asked,
  layers: readonly LayerDraft[],
  progress: (event: ProgressEvent) => void,
): Promise<void> {
  const options = toRegistryOptions(ctx)
  // What is carried along is what the file names then, whatever its tags come to mean.
  const pinned = asked.app || asked['resolve-image-digests'] ? await pinImages(ctx, services) : undefined
  const client = openRegistry(name, options)
  const tag = parseReference(name).tag ?? 'latest'
  const pins = pinned === undefined ? [] : [pinLayer(services, pinned)]
  const artifact = await pushArtifact(client, tag, [...layers, ...pins], asked.version)
  if (asked.app && pinned !== undefined) {
    const copied = []
    for (const [image, exact] of pinned) {
      progress({ id: image, status: 'working', text: 'copying', parentId: name })
      copied.push(await copyImage(exact, client, options))
      progress({ id: image, status: 'done', text: 'copied', parentId: name })
    }
    await pushApplication(client, artifact, copied, COMPOSE_VERSION)
  }
}

/** @returns the images by their names in the files, each with its digest */
async function pinImages(ctx: Context, services: readonly Service[]): Promise<ReadonlyMap<string, string>> {
  const pin = makePinning(ctx)
  const pinned = new Map<string, string>()
  for (const { image } of services) if (image !== undefined && !pinned.has(image)) pinned.set(image, await pin(image))
  return pinned
}

/** A last document that names every image by its digest. */
function pinLayer(services: readonly Service[], pinned: ReadonlyMap<string, string>): Omit<LayerDraft, 'path'> {
  const lines: string[] = ['services:\n']
  for (const { name, image } of services) {
    if (image === undefined) continue
    lines.push(`  ${JSON.stringify(name)}:\n    image: ${JSON.stringify(pinned.get(image) ?? image)}\n`)
  }
  return {
    mediaType: ARTIFACT.file,
    annotations: { [ANNOTATION.version]: COMPOSE_VERSION, [ANNOTATION.file]: 'image-digests.yaml' },
    text: lines.length === 1 ? 'services: {}\n' : lines.join(''),
  }
}
