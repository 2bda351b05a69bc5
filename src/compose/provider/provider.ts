import { Buffer } from 'node:buffer'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { startTimer } from '../../core/deadline.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { Progress } from '../../core/progress.ts'
import { findCliPlugin } from '../../engine/cli-plugin.ts'
import { makeScanner, maxJsonDepth } from '../../engine/json-documents.ts'
import { ChildStream } from '../../io/child-stream.ts'
import { execProgram } from '../../io/exec.ts'
import type { ProgramWords } from '../../io/exec.ts'
import { findExecutable } from '../../io/find-executable.ts'
import { serviceStruct } from '../model/field/service.ts'
import type { Project } from '../model/project.ts'
import { renderJson } from '../model/render/json.ts'
import { renderStruct } from '../model/render/struct.ts'
import type { Provider, Service } from '../model/service.ts'
import { parseMessage } from './message.ts'
import { parseMetadata, toProviderArguments } from './metadata.ts'
import type { ProviderCommand, ProviderMetadata } from './metadata.ts'
import { toProgramEnvironment } from './program-environment.ts'
import type { ProviderVariable } from './variables.ts'

export interface ProviderOptions extends CallOptions {
  /** Of this process: programs are looked for there and nowhere the project says. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly progress: Progress
  readonly debug: (message: string) => void
}

/** Words of progress, and of the error when the program fails. */
const spoken = {
  up: { working: 'Creating', done: 'Created', verb: 'create' },
  down: { working: 'Removing', done: 'Removed', verb: 'remove' },
  stop: { working: 'Stopping', done: 'Stopped', verb: 'stop' },
} as const

/** A program that only describes itself must not hang the command. */
const metadataMs = 30_000
/** A program that is told to end is killed when it has not ended by then. */
const goodbyeMs = 10_000

/**
 * Calls the program behind a provider service and follows what it says.
 *
 * @returns the variables it sets for the services that depend on it
 * @throws {compose/not-found} when there is no such program, {compose/execute} when it fails or says so
 */
export async function runProvider(
  project: Project,
  service: Service & { readonly provider: Provider },
  command: ProviderCommand,
  o: ProviderOptions,
): Promise<readonly ProviderVariable[]> {
  const { provider } = service
  const path = await findProvider(service.name, provider.type, o.env)
  const metadata = await readMetadata(path, project, o)
  const args = toProviderArguments(project.name, service.name, provider, command, metadata)
  if (args === undefined) return []
  const { working, done, verb } = spoken[command]
  o.progress({ id: service.name, status: 'working', text: working })
  try {
    const variables = await call([path, ...args], project, service, o)
    o.progress({ id: service.name, status: 'done', text: done })
    return variables
  } catch (error) {
    o.progress({ id: service.name, status: 'error', text: 'Error', detail: toMessage(error) })
    o.signal?.throwIfAborted()
    if (error instanceof FlotillaError && error.code === 'compose/execute') throw error
    const message = `failed to ${verb} service provider: ${toMessage(error)}`
    throw new FlotillaError('compose/execute', message, { cause: error })
  }
}

/** On Ctrl-C the program is told to end, and has a while to take back what is half made. */
async function call(
  words: ProgramWords,
  project: Project,
  service: Service,
  o: ProviderOptions,
): Promise<readonly ProviderVariable[]> {
  const child = new ChildStream(words, toProgramEnvironment(project.environment, o.env))
  let release = (): void => {}
  const stop = (): void => {
    child.interrupt()
    release = startTimer(o.clock, goodbyeMs, () => void child.destroy(new Error(`${words[0]} does not end`)))
  }
  o.signal?.addEventListener('abort', stop, { once: true })
  try {
    const variables = await follow(child, service, o)
    o.signal?.throwIfAborted()
    return variables
  } finally {
    o.signal?.removeEventListener('abort', stop)
    release()
    child.destroy()
  }
}

async function findProvider(service: string, type: string, env: ProviderOptions['env']): Promise<string> {
  if (type === 'compose') throw new FlotillaError('compose/invalid', "'compose' is not a valid provider type")
  const isName = /^[\w.-]+$/.test(type)
  const path = isName ? ((await findCliPlugin(type, env)) ?? (await findExecutable(type, env))) : undefined
  if (path !== undefined) return path
  throw new FlotillaError('compose/not-found', `exec: "${type}": executable file not found in $PATH`, {
    hint: `provider of service "${service}": neither a docker plugin docker-${type} nor a program ${type} was found`,
  })
}

/** A program that does not know the question takes every option. */
async function readMetadata(path: string, project: Project, o: ProviderOptions): Promise<ProviderMetadata | undefined> {
  const { code, stdout } = await execProgram([path, 'compose', 'metadata'], {
    clock: o.clock,
    env: toProgramEnvironment(project.environment, o.env),
    deadlineMs: metadataMs,
    ...(o.signal !== undefined && { signal: o.signal }),
  })
  return code === 0 ? parseMetadata(stdout) : undefined
}

async function follow(child: ChildStream, service: Service, o: ProviderOptions): Promise<readonly ProviderVariable[]> {
  const variables: ProviderVariable[] = []
  for await (const text of messagesOf(child)) {
    const message = parseMessage(text)
    if (message.kind === 'error') throw new FlotillaError('compose/execute', message.text)
    else if (message.kind === 'variable') variables.push(message)
    else if (message.kind === 'debug') o.debug(`${service.name}: ${message.text}`)
    else if (message.kind === 'asks-service') {
      child.write(`${renderJson(renderStruct(serviceStruct, { ...service }, 'json'))}\n`)
    } else {
      o.progress({ id: service.name, status: 'working', text: message.text.split('\n')[0] ?? '' })
    }
  }
  return variables
}

/** A program that never ends what it says must not fill the memory. */
const maxMessageBytes = 1_000_000

/** What it says, document by document: a line each with most, but also several in one, or one over several lines. */
async function* messagesOf(child: ChildStream): AsyncGenerator<string, void> {
  const scanner = makeScanner(maxJsonDepth)
  let pending: Buffer[] = []
  const take = (last: Buffer): string => {
    const text = Buffer.concat([...pending, last])
      .toString('utf8')
      .trim()
    pending = []
    return text
  }
  for await (const chunk of child as AsyncIterable<Buffer>) {
    let at = 0
    for (let end = scanner.scan(chunk, 0); end !== -1; end = scanner.scan(chunk, end)) {
      yield take(chunk.subarray(at, end))
      at = end
    }
    pending.push(chunk.subarray(at))
    const bytes = pending.reduce((sum, { byteLength }) => sum + byteLength, 0)
    if (bytes > maxMessageBytes) {
      throw new FlotillaError('compose/execute', 'a message of the plugin is longer than 1 MB')
    }
  }
  const rest = take(Buffer.alloc(0))
  if (rest !== '') yield rest
}

/** True for a service that another program runs. */
export function isProvided(service: Service): service is Service & { readonly provider: Provider } {
  return service.provider !== undefined
}
