import { promises as fs } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { checkKeyFile } from '../../io/ssh/key-file.ts'
import { execInherited } from '../../io/exec.ts'
import { findExecutable } from '../../io/find-executable.ts'
import { renderClientConfig } from '../../io/ssh/client-config.ts'
import type { SshAlias } from '../../io/ssh/client-config.ts'

/** Runs a program on our own streams with a configuration of ssh that knows these machines. */
export async function runWithSshConfig(
  ctx: Context,
  aliases: readonly SshAlias[],
  makeWords: (configPath: string) => readonly [string, ...string[]],
): Promise<number> {
  for (const { address } of aliases) if (address.keyPath !== undefined) await checkKeyFile(address.keyPath)
  const folder = await fs.mkdtemp(join(tmpdir(), 'flotilla-ssh-'))
  const path = join(folder, 'config')
  try {
    await fs.writeFile(path, renderClientConfig(aliases), { mode: 0o600 })
    return await execInherited(makeWords(path), { clock: ctx.clock, signal: ctx.signal })
  } finally {
    await fs.rm(folder, { recursive: true, force: true })
  }
}

/** @throws {platform/missing} in the words of docker-machine */
export async function requireProgram(ctx: Context, name: string, use: string): Promise<void> {
  if ((await findExecutable(name, ctx.env)) !== undefined) return
  throw new FlotillaError('platform/missing', `You must have a copy of the ${name} binary locally to use the ${use}`)
}
