import type { Context } from '../../../cli/command.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { mapLimit } from '../../../core/limit.ts'
import { execProgram } from '../../../io/exec.ts'
import type { ExecResult } from '../../../io/exec.ts'
import { ownProgram } from '../../../io/own-program.ts'
import { unfinishedStep } from '../../../machine/creation.ts'
import { readInventory } from '../../../machine/inventory.ts'
import { fileStore } from '../../../machine/store-files.ts'
import type { Place } from './place.ts'
import { say } from './place.ts'

/** Engines start on the processor, not on memory: more at once would only make each of them slower. */
const hostsAtOnce = 2

/** Runs one of our own commands to its end and keeps what it prints. */
function runOwn(
  ctx: Context,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ExecResult> {
  const { DOCKER_TLS_VERIFY: _verify, DOCKER_CERT_PATH: _path, DOCKER_CONTEXT: _context, ...rest } = ctx.env
  return execProgram([...ownProgram(), ...words], {
    clock: ctx.clock,
    signal: ctx.signal,
    env: { ...rest, ...env },
  })
}

/** @throws {internal} with the last lines the command printed */
export async function runOwnChecked(
  ctx: Context,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const result = await runOwn(ctx, words, env)
  if (result.code === 0) return result.stdout
  const said = `${result.stdout}${result.stderr}`.trim().split('\n').slice(-5).join('\n')
  throw new FlotillaError('machine/state', `\`flotilla ${words.join(' ')}\` failed: ${said}`, { exitCode: 1 })
}

function machineWords(place: Place, words: readonly string[]): readonly string[] {
  return ['machine', '--storage-path', place.store, ...words]
}

/** Makes hosts that do not exist, starts those that do not run, restarts those whose engine does not answer. */
export async function raiseHosts(
  ctx: Context,
  place: Place,
  names: readonly string[],
  createFlags: readonly string[],
): Promise<void> {
  const format = '{{.Name}} {{.State}} {{.DockerVersion}}'
  const listed = await runOwnChecked(ctx, machineWords(place, ['ls', '--format', format, '--timeout', '10']))
  const found = new Map(listed.split('\n').map((line) => [line.split(' ')[0] ?? '', line.split(' ').slice(1)]))
  const unfinished = await listUnfinished(ctx, place)
  await mapLimit(names, hostsAtOnce, async (name) => {
    const [state, version] = found.get(name) ?? []
    if (state === 'Running' && version !== 'Unknown') {
      say(ctx, `host ${name} is running`)
      return
    }
    const words =
      state === undefined
        ? ['create', '--driver', 'local', ...createFlags, name]
        : unfinished.has(name)
          ? ['create', '--resume', name]
          : [state === 'Running' ? 'restart' : 'start', name]
    await runOwnChecked(ctx, machineWords(place, words))
    say(ctx, `host ${name} is up`)
  })
}

/** Hosts whose making an earlier run was cut off in: they can be neither started nor made. */
async function listUnfinished(ctx: Context, place: Place): Promise<ReadonlySet<string>> {
  const { hosts } = await readInventory(fileStore(place.store, ctx.clock))
  return new Set(hosts.filter((host) => unfinishedStep(host) !== undefined).map(({ name }) => name))
}

/** `tcp://IP:2376` of each host. */
export async function readUrls(ctx: Context, place: Place, names: readonly string[]): Promise<readonly string[]> {
  return mapLimit(names, hostsAtOnce, async (name) =>
    (await runOwnChecked(ctx, machineWords(place, ['url', name]))).trim(),
  )
}

/** Removes hosts, whatever state they are in. */
export async function removeHosts(ctx: Context, place: Place, names: readonly string[]): Promise<void> {
  await mapLimit(names, hostsAtOnce, async (name) => {
    await runOwnChecked(ctx, machineWords(place, ['rm', '-f', name]))
    say(ctx, `host ${name} is gone`)
  })
}
