import type { Context } from '../../cli/command.ts'
import { pinImage } from '../../compose/remote/images.ts'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import { fetchDigest } from '../../engine/api/images.ts'
import { toRegistryOptions } from './registry-options.ts'
import { withSession } from './session.ts'

/** Names an image by its digest: asks its registry, and the engine where that alone reaches it. */
export function makePinning(ctx: Context): (image: string) => Promise<string> {
  const options = toRegistryOptions(ctx)
  const askEngine = async (reference: string): Promise<string> => {
    const registryAuth = await options.registryAuth(reference)
    const auth = registryAuth === undefined ? {} : { registryAuth }
    return withSession(ctx, ({ engine }) => fetchDigest(engine, reference, auth, { signal: ctx.signal }))
  }
  return (image) =>
    pinImage(image, options, askEngine).catch((error: unknown) => {
      if (!isFlotillaError(error) || error.code === 'cli/cancelled') throw error
      const what = `failed to resolve digest for ${image}: ${error.message}`
      throw new FlotillaError(error.code, what, { cause: error, ...(error.hint !== undefined && { hint: error.hint }) })
    })
}
