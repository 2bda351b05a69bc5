import type { Context } from '../../cli/command.ts'
import { defaultDetachKeys, parseDetachKeys } from '../../engine/detach-keys.ts'
import { readDockerHabits } from '../../engine/docker-config.ts'

/** The keys that leave a process alone: the flag's, the user's, docker's. @throws {cli/invalid-value} */
export async function chooseDetachKeys(
  ctx: Context,
  flag: string | undefined,
): Promise<{ readonly bytes: Uint8Array; readonly text: string }> {
  const given = flag === undefined || flag === '' ? (await readDockerHabits(ctx.env)).detachKeys : flag
  const text = given ?? defaultDetachKeys
  return { bytes: parseDetachKeys(text), text }
}
