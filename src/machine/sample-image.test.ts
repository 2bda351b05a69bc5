import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { extract } from 'tar-stream'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../io/clock.ts'
import { makeSampleImage, sampleImageName } from './sample-image.ts'

interface File {
  readonly mode: number
  readonly type: string
  readonly link: string
  readonly content: Buffer
}

async function unpack(archive: Buffer): Promise<Map<string, File>> {
  const files = new Map<string, File>()
  const reader = extract()
  Readable.from([archive]).pipe(reader)
  for await (const entry of reader) {
    const { name, mode, type, linkname } = entry.header
    files.set(name, { mode, type, link: linkname ?? '', content: await buffer(entry) })
  }
  return files
}

const hasBusybox = ['/bin/busybox', '/usr/bin/busybox'].some((path) => existsSync(path))

describe.runIf(hasBusybox)('sample image (needs BusyBox)', () => {
  it('is an archive an engine can check: names and digests agree', async () => {
    const files = await unpack(await makeSampleImage(systemClock))
    const manifest = JSON.parse(files.get('manifest.json')!.content.toString('utf8'))
    expect(manifest).toEqual([
      { Config: expect.stringMatching(/^[0-9a-f]{64}\.json$/), RepoTags: [sampleImageName], Layers: ['layer.tar'] },
    ])
    const config = files.get(manifest[0].Config)!.content
    expect(`${createHash('sha256').update(config).digest('hex')}.json`).toBe(manifest[0].Config)
    const layer = files.get('layer.tar')!.content
    expect(JSON.parse(config.toString('utf8')).rootfs.diff_ids).toEqual([
      `sha256:${createHash('sha256').update(layer).digest('hex')}`,
    ])
  })

  it('is the same each time, so that all engines have one image ID', async () => {
    const [first, second] = [await makeSampleImage(systemClock), await makeSampleImage(systemClock)]
    expect(first.equals(second)).toBe(true)
  })

  it('holds a shell, the scripts and the name look-up of the C library', async () => {
    const layer = await unpack((await unpack(await makeSampleImage(systemClock))).get('layer.tar')!.content)
    expect(layer.get('bin/sh')).toMatchObject({ type: 'symlink', link: 'busybox' })
    expect(layer.get('bin/serve')!.mode & 0o111).toBe(0o111)
    expect(layer.get('bin/serve')!.content.toString('utf8')).toContain("trap 'exit 0' TERM")
    expect([...layer.keys()].filter((name) => name.includes('libnss_dns'))).toHaveLength(1)
  })
})
