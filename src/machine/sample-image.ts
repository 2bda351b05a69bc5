import { createHash } from 'node:crypto'
import { promises as fs } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import type { Pack } from 'tar-stream'
import type { Clock } from '../core/clock.ts'
import { FlotillaError } from '../core/errors.ts'
import { execChecked } from '../io/exec.ts'
import { pathExists } from '../io/files.ts'

/**
 * A small image made from files of this machine, so that containers can run without any registry:
 * BusyBox, and the parts of the C library that look up names.
 *
 * Its command is a web server on port 80 that answers with the container's host name and ends on SIGTERM.
 * `/bin/idle` waits and ends on SIGTERM too; a bare `sleep` as process 1 would take the 10 s to be killed.
 */
export const sampleImageName = 'flotilla/sample:latest'

const goArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', arm: 'arm', ia32: '386' }
const nameLibraries = ['libc.so.6', 'libresolv.so.2', 'libnss_dns.so.2', 'libnss_files.so.2'] as const

const serveScript = `#!/bin/sh
trap 'exit 0' TERM INT
mkdir -p /www
hostname > /www/index.html
httpd -f -p "\${PORT:-80}" -h /www &
wait
`

const idleScript = `#!/bin/sh
trap 'exit 0' TERM INT
while :; do sleep 3600 & wait $!; done
`

/** One thing in the image. Paths have no leading slash. */
type Entry =
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly content: Buffer | string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }

/**
 * Makes the archive, in the form of `docker save`, for `docker load` or `POST /images/load`. Equal files give
 * an equal archive, hence the same image ID on every engine.
 *
 * @throws {platform/missing} when this machine has no BusyBox
 */
export async function makeSampleImage(clock: Clock): Promise<Buffer> {
  const layer = await packEntries(await readEntries(clock))
  const config = Buffer.from(JSON.stringify(makeConfig(sha256(layer))))
  const configName = `${sha256(config)}.json`
  const manifest = [{ Config: configName, RepoTags: [sampleImageName], Layers: ['layer.tar'] }]
  return packEntries([
    { kind: 'file', path: 'layer.tar', mode: 0o644, content: layer },
    { kind: 'file', path: configName, mode: 0o644, content: config },
    { kind: 'file', path: 'manifest.json', mode: 0o644, content: JSON.stringify(manifest) },
  ])
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function makeConfig(layerDigest: string): object {
  const created = new Date(0).toISOString()
  return {
    architecture: goArchitectures[process.arch] ?? process.arch,
    os: 'linux',
    created,
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      Cmd: ['/bin/serve'],
      ExposedPorts: { '80/tcp': {} },
      WorkingDir: '/',
      Labels: { 'org.opencontainers.image.title': 'Flotilla sample' },
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layerDigest}`] },
    history: [{ created, created_by: 'flotilla sample image' }],
  }
}

async function readEntries(clock: Clock): Promise<Entry[]> {
  const busybox = await findBusybox()
  const applets = (await execChecked([busybox, '--list'], { clock })).split('\n').filter(Boolean)
  const folders = ['bin', 'dev', 'etc', 'lib', 'lib64', 'proc', 'root', 'sys', 'usr', 'usr/bin', 'var', 'www']
  const own = new Set(['busybox', 'serve', 'idle'])
  return [
    ...folders.map((path): Entry => ({ kind: 'folder', path, mode: 0o755 })),
    { kind: 'folder', path: 'tmp', mode: 0o1777 },
    file('bin/busybox', 0o755, await fs.readFile(busybox)),
    ...applets
      .filter((applet) => !own.has(applet))
      .map((applet): Entry => ({ kind: 'link', path: `bin/${applet}`, target: 'busybox' })),
    file('bin/serve', 0o755, serveScript),
    file('bin/idle', 0o755, idleScript),
    // Scripts of others begin with `#!/usr/bin/env sh`.
    { kind: 'link', path: 'usr/bin/env', target: '../../bin/busybox' },
    file('etc/passwd', 0o644, 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n'),
    file('etc/group', 0o644, 'root:x:0:\nnogroup:x:65534:\n'),
    // Without it the C library would not ask the engine's name server.
    file('etc/nsswitch.conf', 0o644, 'passwd: files\ngroup: files\nhosts: files dns\n'),
    ...(await readLibraries(clock)),
  ]
}

function file(path: string, mode: number, content: Buffer | string): Entry {
  return { kind: 'file', path, mode, content }
}

async function findBusybox(): Promise<string> {
  for (const path of ['/bin/busybox', '/usr/bin/busybox', '/usr/lib/initramfs-tools/bin/busybox']) {
    if (await pathExists(path)) return path
  }
  throw new FlotillaError('platform/missing', 'the sample image is made of BusyBox, and this machine has none', {
    hint: 'install the package busybox-static',
  })
}

/** The loader and the name look-up of the C library. BusyBox loads them at run time, also where it is linked statically. */
async function readLibraries(clock: Clock): Promise<Entry[]> {
  const known = await execChecked(['sh', '-c', 'PATH=$PATH:/sbin:/usr/sbin ldconfig -p'], { clock })
  const entries: Entry[] = []
  for (const match of known.matchAll(/^\s+(\S+) \(libc6(?:,([^,)]+))?[^)]*\) => (\S+)$/gm)) {
    const [, name = '', flavour = '', path = ''] = match
    const isWanted = nameLibraries.some((wanted) => wanted === name) || name.startsWith('ld-linux')
    if (!isWanted || !isOwnFlavour(flavour)) continue
    const target = name === 'ld-linux-x86-64.so.2' ? `lib64/${name}` : `lib/${name}`
    if (entries.some((entry) => entry.path === target)) continue
    entries.push(file(target, 0o755, await fs.readFile(path)))
  }
  return entries
}

function isOwnFlavour(flavour: string): boolean {
  const wanted: Readonly<Record<string, string>> = { x64: 'x86-64', arm64: 'AArch64' }
  return flavour === (wanted[process.arch] ?? '')
}

async function packEntries(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack()
  const whole = buffer(archive)
  for (const entry of entries) await addEntry(archive, entry)
  archive.finalize()
  return whole
}

function addEntry(archive: Pack, entry: Entry): Promise<void> {
  return new Promise((resolve, reject) => {
    function done(error?: unknown): void {
      if (error instanceof Error) reject(error)
      else resolve()
    }
    const shared = { mtime: new Date(0), uid: 0, gid: 0, uname: 'root', gname: 'root' }
    switch (entry.kind) {
      case 'folder':
        archive.entry({ ...shared, name: entry.path, type: 'directory', mode: entry.mode }, done)
        return
      case 'link':
        archive.entry({ ...shared, name: entry.path, type: 'symlink', linkname: entry.target, mode: 0o777 }, done)
        return
      case 'file':
        archive.entry({ ...shared, name: entry.path, type: 'file', mode: entry.mode }, entry.content, done)
    }
  })
}
