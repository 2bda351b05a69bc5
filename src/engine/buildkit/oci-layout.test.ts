import { mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OciLayout } from './oci-layout.ts'

const descriptor = (letter: string) => ({
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${letter.repeat(64)}`,
  size: 7,
})

describe('a folder of images', () => {
  let folder = ''
  let layout: OciLayout

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'layout-'))
    layout = new OciLayout(join(folder, 'deep', 'cache'), true)
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const index = (): unknown => JSON.parse(readFileSync(join(layout.folder, 'index.json'), 'utf8'))

  it('finds what has the name, the latest, or the only one', async () => {
    await layout.name('v1', descriptor('a'))
    expect(await layout.find()).toMatchObject(descriptor('a'))
    await layout.name('v2', descriptor('b'))
    expect(await layout.find()).toBeUndefined()
    expect(await layout.find('v1')).toMatchObject(descriptor('a'))
    expect(await layout.find('gone')).toBeUndefined()
    await layout.name('latest', descriptor('c'))
    expect(await layout.find()).toMatchObject(descriptor('c'))
  })

  it('keeps the names that several builds give at the same time', async () => {
    const letters = '0123456789abcdef'.split('')
    await Promise.all(
      letters.map((letter) => new OciLayout(layout.folder, true).name(`tag-${letter}`, descriptor(letter))),
    )
    const found = await Promise.all(letters.map((letter) => layout.find(`tag-${letter}`)))
    expect(found.map((each) => each?.digest)).toEqual(letters.map((letter) => descriptor(letter).digest))
    expect(readdirSync(layout.folder).sort()).toEqual(['index.json', 'oci-layout'])
  })

  it('takes away drafts that were left long ago, and no others', async () => {
    const ingest = join(layout.folder, 'ingest')
    const first = await layout.begin()
    for (const name of ['old', 'new']) writeFileSync(join(ingest, name), 'x')
    const old = new Date(Date.now() - 48 * 3_600_000)
    utimesSync(join(ingest, 'old'), old, old)
    const second = await layout.begin()
    const left = readdirSync(ingest)
    expect([left.length, left.includes('new'), left.includes('old')]).toEqual([3, true, false])
    for (const draft of [first, second]) await draft.abandon()
  })

  it('moves a name, and leaves whole files only', async () => {
    await layout.name('latest', descriptor('a'))
    await layout.name('latest', descriptor('b'))
    expect(index()).toEqual({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ ...descriptor('b'), annotations: { 'org.opencontainers.image.ref.name': 'latest' } }],
    })
    await layout.name('again', descriptor('b'))
    expect(await layout.find('latest')).toBeUndefined()
    expect(readdirSync(layout.folder).sort()).toEqual(['index.json', 'oci-layout'])
    expect(readFileSync(join(layout.folder, 'oci-layout'), 'utf8')).toBe('{"imageLayoutVersion":"1.0.0"}')
  })

  it.each(['', '{}', '{"manifests":[{"digest":"../x","size":1,"mediaType":"m"}]}', 'null'])(
    'does not take %j for an index, and does not write over it',
    async (text) => {
      await layout.name('latest', descriptor('a'))
      writeFileSync(join(layout.folder, 'index.json'), text)
      await expect(layout.find()).rejects.toThrow('is no index of an OCI layout')
      await expect(layout.name('latest', descriptor('b'))).rejects.toThrow('is no index of an OCI layout')
      expect(readFileSync(join(layout.folder, 'index.json'), 'utf8')).toBe(text)
    },
  )

  it('names the folder that takes nothing more', async () => {
    const layout = new OciLayout(folder, true)
    const draft = await layout.begin()
    await draft.write(Buffer.from('layer'))
    writeFileSync(join(folder, 'blobs'), 'in the way')
    await expect(draft.commit()).rejects.toThrow(`cannot use the folder ${folder}: `)
    // Its file is closed, as by a disk that went away.
    await expect(draft.write(Buffer.from('more'))).rejects.toThrow(`cannot use the folder ${folder}: `)
    await draft.abandon()
  })

  it('names the folder that is not there', async () => {
    await expect(new OciLayout('/nowhere/at/all').find()).rejects.toThrow('cannot use the folder /nowhere/at/all')
  })
})
