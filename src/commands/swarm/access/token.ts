import { randomBytes } from 'node:crypto'
import type { Run } from '../../../cli/command.ts'
import { hashToken } from '../../../cluster/access/identify.ts'
import type { accessTokenFlags } from '../access-flags.ts'

/** 256 bits: nobody guesses it, so that a plain hash of it can be shown. */
const tokenBytes = 32

/** Makes a token: what its user sends, and what the access file has. */
export const run: Run<typeof accessTokenFlags> = async (ctx, flags) => {
  const token = `flo_${randomBytes(tokenBytes).toString('base64url')}`
  const hash = `sha256:${hashToken(token)}`
  if (flags.format === 'json') ctx.stdout.write(`${JSON.stringify({ Token: token, Hash: hash })}\n`)
  else ctx.stdout.write(`token: ${token}\nhash:  ${hash}\n`)
}
