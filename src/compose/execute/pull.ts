import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { Progress } from '../../core/progress.ts'
import { pullImage } from '../../engine/api/images.ts'
import type { Engine } from '../../engine/engine.ts'

/** One image to fetch. */
export interface PullTarget {
  readonly reference: string
  readonly platform?: string
  /** The ready `X-Registry-Auth` value. */
  readonly registryAuth?: string
}

/**
 * Pulls one image and reports its layers as parts of `parentId`.
 *
 * @throws {compose/execute} with the registry's words
 */
export async function pull(
  engine: Engine,
  target: PullTarget,
  report: { readonly parentId: string; readonly progress: Progress },
  o: CallOptions,
): Promise<void> {
  const { platform, registryAuth } = target
  const documents = await pullImage(
    engine,
    {
      ...splitReference(target.reference),
      ...(platform !== undefined && { platform }),
      ...(registryAuth !== undefined && { registryAuth }),
    },
    o,
  )
  for await (const document of documents) {
    const error = document.errorDetail?.message ?? document.error
    if (error !== undefined) throw new FlotillaError('compose/execute', error)
    const { id, status, progressDetail } = document
    if (id === undefined || id === '' || status === undefined || status.startsWith('Pulling from')) continue
    report.progress({
      id,
      parentId: report.parentId,
      isTransfer: true,
      status: finished.has(status) ? 'done' : 'working',
      text: status,
      ...(progressDetail?.current !== undefined && { current: progressDetail.current }),
      ...(progressDetail?.total !== undefined && { total: progressDetail.total }),
    })
  }
}

const finished: ReadonlySet<string> = new Set(['Already exists', 'Download complete', 'Pull complete'])

/** Name and tag or digest as the engine takes them: without a tag it would pull every tag there is. */
export function splitReference(reference: string): { readonly fromImage: string; readonly tag: string } {
  const at = reference.indexOf('@')
  if (at !== -1) return { fromImage: stripTag(reference.slice(0, at)), tag: reference.slice(at + 1) }
  const name = stripTag(reference)
  return { fromImage: name, tag: name === reference ? 'latest' : reference.slice(name.length + 1) }
}

function stripTag(name: string): string {
  const colon = name.lastIndexOf(':')
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name
}
