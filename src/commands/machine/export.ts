import { promises as fs } from 'node:fs'
import { resolve } from 'node:path'
import type { Run } from '../../cli/command.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { codeOf } from '../../io/files.ts'
import { exportMachine } from '../../machine/bundle.ts'
import { chooseName, findDescriptor, openStore } from './open-machine.ts'
import type { exportFlags } from './own-table.ts'
import { readPassphrase } from './passphrase.ts'

/** Writes a machine into one file, to be imported elsewhere. */
export const run: Run<typeof exportFlags> = async (ctx, flags, args) => {
  const store = openStore(ctx)
  const name = await chooseName(store, args)
  const host = await store.load(name)
  const descriptor = await findDescriptor(ctx, host.driverName)
  const passphrase = await readPassphrase(ctx, flags['passphrase-file'])
  const { text, left } = await exportMachine(host, store, {
    withCaKey: flags['with-ca-key'],
    ...(descriptor?.placeFiles !== undefined && { placeFiles: descriptor.placeFiles }),
    ...(passphrase !== undefined && { passphrase }),
  })
  const path = resolve(ctx.cwd, flags.output === '' ? `${name}.machine` : flags.output)
  try {
    // What is there already may be the only copy of another machine's keys.
    await fs.writeFile(path, text, { flag: 'wx', mode: 0o600, flush: true })
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw new FlotillaError('io/file', `${path} exists already`, { cause: error })
    throw new FlotillaError('io/file', `cannot write ${path}: ${toMessage(error)}`, { cause: error })
  }
  for (const file of left) ctx.log.warn(`${file} is not in the export: it is too large`)
  const stays = descriptor?.stays?.(host.driver)
  if (stays !== undefined) {
    ctx.log.warn(`${stays} is not in the export: in another place machine "${name}" can be neither started nor used`)
  }
  if (passphrase === undefined) ctx.log.warn(`${path} holds keys in the clear: give --passphrase-file to encrypt it`)
  ctx.log.info(`Machine "${name}" was written to ${path}`)
}
