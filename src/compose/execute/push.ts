import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { Progress } from '../../core/progress.ts'
import { pushImage } from '../../engine/api/images.ts'
import type { Engine } from '../../engine/engine.ts'
import { splitReference } from './pull.ts'

/**
 * Pushes one image and reports its layers, by the names that docker-compose 2.40 gives them, as parts of `parentId`.
 *
 * @throws {compose/execute} with the registry's words
 */
export async function push(
  engine: Engine,
  target: { readonly reference: string; readonly registryAuth?: string },
  report: { readonly parentId: string; readonly progress: Progress },
  o: CallOptions,
): Promise<void> {
  const { fromImage: name, tag } = splitReference(target.reference)
  const documents = await pushImage(
    engine,
    name,
    { tag, ...(target.registryAuth !== undefined && { registryAuth: target.registryAuth }) },
    o,
  )
  for await (const { id, status, error, errorDetail, progressDetail } of documents) {
    const failure = errorDetail?.message ?? error
    if (failure !== undefined) throw new FlotillaError('compose/execute', failure)
    if (id === undefined || id === '' || status === undefined) continue
    report.progress({
      id: `Pushing ${target.reference}: ${id}`,
      parentId: report.parentId,
      isTransfer: true,
      status:
        status === 'Pushed' || status === 'Layer already exists' || status.startsWith('Mounted from')
          ? 'done'
          : 'working',
      text: status,
      ...(progressDetail?.current !== undefined && { current: progressDetail.current }),
      ...(progressDetail?.total !== undefined && { total: progressDetail.total }),
    })
  }
}
