import { posix } from 'node:path'
import { extract, pack } from 'tar-stream'
import { FakeError } from './call.ts'
import type { FakeCall, FakeRoute } from './call.ts'
import { needContainer } from './container-life.ts'
import type { FakeContainer } from './state.ts'

/** Bit of Go's file mode that marks a directory. */
const goDirectory = 0x8000_0000

/** The entry at a path: a file, or a directory with its slash. */
function findPath(call: FakeCall, container: FakeContainer): string {
  const wanted = posix.normalize(`/${call.query.get('path') ?? ''}`).replace(/(?<=.)\/$/, '')
  if (container.files.has(wanted)) return wanted
  const folder = wanted === '/' ? '/' : `${wanted}/`
  if (container.files.has(folder)) return folder
  throw new FakeError(404, `Could not find the file ${call.query.get('path')} in container ${call.params[0]}`)
}

function renderStat(container: FakeContainer, path: string): Record<string, string> {
  const file = container.files.get(path)
  const stat = {
    name: posix.basename(path),
    size: file?.content.length ?? 0,
    mode: (file?.mode ?? 0) + (path.endsWith('/') ? goDirectory : 0),
    mtime: new Date(file?.mtimeMs ?? 0).toISOString(),
    linkTarget: '',
  }
  return { 'X-Docker-Container-Path-Stat': Buffer.from(JSON.stringify(stat)).toString('base64') }
}

function head(call: FakeCall): void {
  const container = needContainer(call.state, call.params[0] ?? '')
  call.sendText(200, '', renderStat(container, findPath(call, container)))
}

function get(call: FakeCall): void {
  const container = needContainer(call.state, call.params[0] ?? '')
  const path = findPath(call, container)
  const tar = pack()
  // A client may leave in the middle.
  tar.on('error', () => {})
  const parent = path === '/' ? '/' : `${posix.dirname(path)}/`.replace('//', '/')
  for (const [name, file] of container.files) {
    if (name !== path && !(path.endsWith('/') && name.startsWith(path))) continue
    const entry = {
      name: name.slice(parent.length) || './',
      mode: file.mode,
      mtime: new Date(file.mtimeMs),
      type: name.endsWith('/') ? ('directory' as const) : ('file' as const),
    }
    tar.entry(entry, file.content)
  }
  tar.finalize()
  tar.pipe(call.stream('application/x-tar', renderStat(container, path)))
}

async function put(call: FakeCall): Promise<void> {
  const container = needContainer(call.state, call.params[0] ?? '')
  const folder = findPath(call, container)
  if (!folder.endsWith('/')) throw new FakeError(400, 'extraction point is not a directory')
  for await (const entry of call.request.pipe(extract())) {
    const chunks: Buffer[] = []
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk)
    const path = posix.join(folder, entry.header.name)
    const name = entry.header.type === 'directory' ? `${path.replace(/\/$/, '')}/` : path
    const mtimeMs = entry.header.mtime?.getTime() ?? 0
    container.files.set(name, { content: Buffer.concat(chunks), mode: entry.header.mode ?? 0o644, mtimeMs })
  }
  call.send(200)
}

export const archiveRoutes: readonly FakeRoute[] = [
  ['HEAD', /^\/containers\/([^/]+)\/archive$/, head],
  ['GET', /^\/containers\/([^/]+)\/archive$/, get],
  ['PUT', /^\/containers\/([^/]+)\/archive$/, put],
]
