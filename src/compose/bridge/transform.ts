import type { CallOptions } from '../../core/call.ts'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import type { Progress } from '../../core/progress.ts'
import { getArchive, putArchive } from '../../engine/api/archive.ts'
import { createContainer, removeContainer, startContainer, waitContainer } from '../../engine/api/containers.ts'
import { inspectImage } from '../../engine/api/images.ts'
import { attachContainer } from '../../engine/api/streams.ts'
import type { Engine } from '../../engine/engine.ts'
import { pull } from '../execute/pull.ts'
import { packFiles, unpackFolder } from './archive.ts'

/** Label of images that are transformations (docker/compose pkg/bridge). */
export const transformationLabel = 'com.docker.compose.bridge'
export const defaultTransformation = 'docker/compose-bridge-kubernetes'

export interface TransformOptions extends CallOptions {
  readonly progress: Progress
  readonly registryAuth: (reference: string) => Promise<string | undefined>
  /** Told what the transformation prints. */
  readonly output: (stream: 'stdout' | 'stderr', text: string) => void
}

/**
 * Runs one transformation: the files go in and the results come out by archive, so that the engine may be anywhere.
 *
 * @param files by path in the container, `in/compose.yaml` first of all
 * @throws {compose/execute} when it ends with another code than 0
 */
export async function transform(
  engine: Engine,
  image: string,
  files: ReadonlyMap<string, Uint8Array>,
  target: string,
  o: TransformOptions,
): Promise<void> {
  const call = toCall(o)
  await ensureImage(engine, image, o)
  const body = {
    Image: image,
    Env: ['LICENSE_AGREEMENT=true'],
    AttachStdout: true,
    AttachStderr: true,
    ...hideTemplates(files),
  }
  const { Id: id } = await createContainer(engine, body, {}, call)
  try {
    await putArchive(engine, id, { path: '/' }, packFiles(files, ['in', 'out']), call)
    const { output } = await attachContainer(engine, id, {}, call)
    const printing = (async () => {
      for await (const { stream, data } of output) o.output(stream, data.toString('utf8'))
    })()
    await startContainer(engine, id, {}, call)
    const { StatusCode: code } = await waitContainer(engine, id, {}, call)
    await printing
    if (code !== 0) throw new FlotillaError('compose/execute', `transformation ${image} ended with exit code ${code}`)
    const { body: archive } = await getArchive(engine, id, '/out', call)
    await unpackFolder(archive, 'out', target)
  } finally {
    await removeContainer(engine, id, { force: true, volumes: true })
  }
}

/** The user's templates take the place of the image's: an empty volume covers those. */
function hideTemplates(files: ReadonlyMap<string, Uint8Array>): object {
  if (![...files.keys()].some((name) => name.startsWith('templates/'))) return {}
  const mount = { Type: 'volume', Target: '/templates', VolumeOptions: { NoCopy: true } }
  return { HostConfig: { Mounts: [mount] } }
}

/** Copies a folder out of an image without running it. */
export async function copyFromImage(
  engine: Engine,
  image: string,
  path: string,
  target: string,
  o: Omit<TransformOptions, 'output'>,
): Promise<void> {
  const call = toCall(o)
  await ensureImage(engine, image, o)
  const { Id: id } = await createContainer(engine, { Image: image, Cmd: ['/'] }, {}, call)
  try {
    const { body } = await getArchive(engine, id, path, call)
    await unpackFolder(body, path.split('/').at(-1) ?? '', target)
  } finally {
    await removeContainer(engine, id, { force: true, volumes: true })
  }
}

async function ensureImage(engine: Engine, image: string, o: Omit<TransformOptions, 'output'>): Promise<void> {
  try {
    await inspectImage(engine, image, toCall(o))
  } catch (error) {
    if (!isFlotillaError(error) || error.status !== 404) throw error
    const registryAuth = await o.registryAuth(image)
    const auth = registryAuth === undefined ? {} : { registryAuth }
    o.progress({ id: image, status: 'working', text: 'Pulling' })
    await pull(engine, { reference: image, ...auth }, { parentId: image, progress: o.progress }, toCall(o))
    o.progress({ id: image, status: 'done', text: 'Pulled' })
  }
}

function toCall(o: CallOptions): CallOptions {
  return o.signal === undefined ? {} : { signal: o.signal }
}
