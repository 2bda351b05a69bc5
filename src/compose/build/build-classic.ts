import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import * as posix from 'node:path/posix'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Pack } from 'tar-stream'
import type { CallOptions } from '../../core/call.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { PatternList, parseIgnoreFile } from '../../core/ignore.ts'
import { isOddName } from '../../core/odd-name.ts'
import type { Progress } from '../../core/progress.ts'
import { createCallMs } from '../../engine/api/call.ts'
import { inspectImage } from '../../engine/api/images.ts'
import type { Engine } from '../../engine/engine.ts'
import { fileReason } from '../../core/file-reason.ts'
import { codeOf } from '../../io/files.ts'
import type { ByteSource } from '../../io/http/request.ts'
import { isCharacterDevice, toTarMode, walkFolder } from '../../io/folder-walk.ts'
import type { WalkedFile } from '../../io/folder-walk.ts'
import { readForStream } from '../../io/read-pieces.ts'
import { streamArchive } from '../../io/stream-archive.ts'
import { withLargeNumbers } from '../../io/tar-header.ts'
import type { BuildHost } from './build-image.ts'
import { toClassicQuery } from './classic-query.ts'
import type { ImageBuild } from './definition.ts'
import { refuseOddName } from './odd-names.ts'

interface ClassicLine {
  readonly stream?: string
  readonly status?: string
  readonly error?: string
  readonly aux?: { readonly ID?: string }
  readonly errorDetail?: { readonly message?: string }
}

const keptLines = 10

/**
 * Builds with `POST /build` of version 1: the context goes as a tar stream, without what `.dockerignore` names.
 *
 * @returns the ID of the image
 * @throws {compose/execute} {compose/unsupported}
 */
export async function buildClassic(
  engine: Engine,
  build: ImageBuild,
  host: BuildHost,
  report: { readonly parentId: string; readonly progress: Progress },
  o: CallOptions,
): Promise<string> {
  const extra = await findExtraDockerfile(build)
  const query = toClassicQuery(build, extra?.name ?? nameInContext(build))
  const config = await host.registryConfig()
  const reply = await engine.request(
    {
      method: 'POST',
      path: '/build',
      query,
      ...(config !== undefined && { headers: { 'X-Registry-Config': config } }),
      ...(build.context.kind === 'folder' && { body: await packContext(build, build.context.path, extra) }),
      stream: true,
    },
    { deadlineMs: createCallMs * 60, ...(o.signal !== undefined && { signal: o.signal }) },
  )
  const built = await readLines(reply.documents<ClassicLine>(), build, report, host.classicOutput)
  return built ?? (await inspectImage(engine, build.tags[0] ?? '', o)).Id
}

async function readLines(
  lines: AsyncIterable<ClassicLine>,
  build: ImageBuild,
  { parentId, progress: tell }: { readonly parentId: string; readonly progress: Progress },
  print: BuildHost['classicOutput'],
): Promise<string | undefined> {
  const progress: Progress = print === undefined ? tell : () => {}
  let built: string | undefined
  let step = ''
  let kept: string[] = []
  const cutter = makeLineCutter()
  function show(text: string): void {
    const line = text.trimEnd()
    if (line === '') return
    const next = /^Step (\d+\/\d+) : (.*)$/.exec(line)
    if (next !== null) {
      if (step !== '') progress({ id: step, parentId, status: 'done', text: 'Done' })
      step = `${parentId} [${next[1]}] ${next[2]}`
      kept = []
      progress({ id: step, parentId, status: 'working', text: 'Running' })
    } else if (line.startsWith(' ---> ')) {
      if (line.includes('Using cache')) progress({ id: step, parentId, status: 'done', text: 'Cached' })
    } else {
      kept = [...kept, line].slice(-keptLines)
      progress({ id: step === '' ? parentId : step, parentId, status: 'working', text: 'Running', output: line })
    }
  }
  function finish(): void {
    const line = cutter.end()
    if (line !== '') print?.(line)
    show(line)
  }
  for await (const { stream, error, errorDetail, aux } of lines) {
    built = aux?.ID ?? built
    const failure = errorDetail?.message ?? error
    if (failure !== undefined) {
      finish()
      const output = kept.length === 0 ? '' : `:\n${kept.map((line) => `  ${line}`).join('\n')}`
      throw new FlotillaError('compose/execute', `target ${build.service}: ${failure}`, {
        ...(step !== '' && { hint: `the step that failed is ${step}${output}` }),
      })
    }
    for (const line of cutter.push(stream ?? '')) {
      print?.(line)
      show(line)
    }
  }
  finish()
  if (step !== '') progress({ id: step, parentId, status: 'done', text: 'Done' })
  return built
}

/** What the builder says of its own begins a line, whatever the command before it left open. */
const ownWords = /^(?:Step \d+\/\d+ : | ---> |Removing intermediate container )/

/** Lines out of the pieces in which the builder passes on what commands print: they are cut anywhere. */
function makeLineCutter(): { push(piece: string): readonly string[]; end(): string } {
  let open = ''
  return {
    push(piece) {
      const gap = open !== '' && ownWords.test(piece) ? '\n' : ''
      const lines = `${open}${gap}${piece}`.split('\n')
      open = lines.pop() ?? ''
      return lines
    },
    end() {
      const rest = open
      open = ''
      return rest
    },
  }
}

interface ExtraDockerfile {
  readonly name: string
  readonly text: Buffer
}

/** A Dockerfile that is not in the context goes along under a name nothing else has. */
async function findExtraDockerfile(build: ImageBuild): Promise<ExtraDockerfile | undefined> {
  const { context, dockerfile } = build
  if (dockerfile.kind === 'remote') return undefined
  if (context.kind === 'remote') {
    throw new FlotillaError(
      'compose/unsupported',
      `the classic builder doesn't support a Dockerfile outside of a remote context, set DOCKER_BUILDKIT=1 to use BuildKit`,
    )
  }
  const name = `.dockerfile.${randomUUID().slice(0, 18)}`
  if (dockerfile.kind === 'text') return { name, text: Buffer.from(dockerfile.text) }
  const inside = posix.relative(context.path, dockerfile.path)
  if (!inside.startsWith('../') && !posix.isAbsolute(inside)) return undefined
  return { name, text: await readFile(dockerfile.path) }
}

function nameInContext(build: ImageBuild): string {
  const { context, dockerfile } = build
  if (dockerfile.kind === 'remote') return dockerfile.name
  if (dockerfile.kind !== 'file' || context.kind !== 'folder') return 'Dockerfile'
  return posix.relative(context.path, dockerfile.path)
}

async function packContext(build: ImageBuild, root: string, extra: ExtraDockerfile | undefined): Promise<ByteSource> {
  // The engine needs them, whatever is left out for the image's sake (docker/cli cli/command/image/build).
  const kept = ['!.dockerignore', ...(extra === undefined ? [`!${nameInContext(build)}`] : [])]
  const exclude = await readIgnored(root, kept)
  return streamArchive((tar) => fill(tar, root, exclude, extra))
}

/**
 * What `.dockerignore` leaves out. The classic builder knows no such file beside a Dockerfile (docker/compose
 * pkg/compose/build_classic.go).
 *
 * @param kept exceptions that hold in any case
 * @throws {compose/invalid} {io/file} naming the file: what is wrong in a pattern does not tell where it stands
 */
async function readIgnored(root: string, kept: readonly string[]): Promise<PatternList> {
  const path = `${root}/.dockerignore`
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return new PatternList([])
    throw new FlotillaError('io/file', `cannot read ${path}: ${fileReason(error)}`, { cause: error })
  }
  try {
    const patterns = parseIgnoreFile(text)
    return new PatternList(patterns.length === 0 ? [] : [...patterns, ...kept])
  } catch (cause) {
    throw new FlotillaError('compose/invalid', `${path}: ${toMessage(cause)}`, { cause })
  }
}

async function fill(tar: Pack, root: string, exclude: PatternList, extra: ExtraDockerfile | undefined): Promise<void> {
  for (const file of walkFolder(root, { exclude })) await addFile(tar, root, file)
  if (extra !== undefined) await addText(tar, extra)
}

async function addFile(tar: Pack, root: string, file: WalkedFile): Promise<void> {
  if (isOddName(file.path + (file.link ?? ''))) throw refuseOddName('the classic builder', file.path)
  const header = withLargeNumbers({
    name: file.path,
    mode: toTarMode(file.mode),
    mtime: new Date(Number(file.modifiedNs / 1_000_000n)),
    uid: 0,
    gid: 0,
  })
  if (file.kind === 'folder') return addEmpty(tar, { ...header, name: `${file.path}/`, type: 'directory' })
  if (file.kind === 'link') return addEmpty(tar, { ...header, type: 'symlink', linkname: file.link ?? '' })
  if (file.kind === 'pipe') return addEmpty(tar, { ...header, type: 'fifo' })
  if (file.kind === 'device') return addDevice(tar, header, file)
  // Archives have no sockets (docker/docker pkg/archive).
  if (file.kind === 'socket') return undefined
  if (file.sameAs !== undefined) return addEmpty(tar, { ...header, type: 'link', linkname: file.sameAs })
  const entry = tar.entry({ ...header, type: 'file', size: file.sizeBytes }) as unknown as Writable
  // Of an entry for a file the archive awaits the end, also when nothing comes before it.
  if (file.sizeBytes === 0) return void entry.end()
  // A file that grows in the meantime must not break the frame.
  return pipeline(readForStream(`${root}/${file.path}`, file.sizeBytes), entry)
}

type Head = Parameters<Pack['entry']>[0]

function addDevice(tar: Pack, header: Head, file: WalkedFile): Promise<void> {
  const type = isCharacterDevice(file.mode) ? 'character-device' : 'block-device'
  return addEmpty(tar, { ...header, type, devmajor: file.deviceMajor ?? 0, devminor: file.deviceMinor ?? 0 })
}

/** For entries without content that are no files. */
function addEmpty(tar: Pack, header: Head): Promise<void> {
  return new Promise((resolve, reject) => {
    tar.entry(header, (error) => (error ? reject(error) : resolve()))
  })
}

function addText(tar: Pack, { name, text }: ExtraDockerfile): Promise<void> {
  return new Promise((resolve, reject) => {
    tar.entry({ name, mode: 0o644 }, text, (error) => (error ? reject(error) : resolve()))
  })
}
