import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import { extract, pack } from 'tar-stream'
import { getArchive, headArchive, putArchive } from '../../src/engine/api/archive.ts'
import { inspectContainer, removeContainer } from '../../src/engine/api/containers.ts'
import { inspectImage, listImages, loadImages, removeImage, saveImages, tagImage } from '../../src/engine/api/images.ts'
import {
  connectNetwork,
  createNetwork,
  disconnectNetwork,
  inspectNetwork,
  listNetworks,
  removeNetwork,
} from '../../src/engine/api/networks.ts'
import { createVolume, inspectVolume, listVolumes, removeVolume } from '../../src/engine/api/volumes.ts'
import { drain } from './engine-bed.ts'
import type { EngineBed } from './engine-bed.ts'

/** What engines keep: files of containers, images, networks and volumes. */
export function testEngineStores(bed: EngineBed): void {
  describe('files', () => {
    it('a file put into a container is described and comes out again', async () => {
      const id = await bed.make()
      const tar = pack()
      tar.entry({ name: 'note.txt', mode: 0o640 }, 'kept as it was')
      tar.finalize()
      await putArchive(bed.engine, id, { path: '/tmp' }, tar)
      expect(await headArchive(bed.engine, id, '/tmp/note.txt')).toMatchObject({ name: 'note.txt', size: 14 })
      const { stat, body } = await getArchive(bed.engine, id, '/tmp/note.txt')
      expect(stat.name).toBe('note.txt')
      const found: string[] = []
      for await (const entry of body.pipe(extract())) {
        const chunks: Buffer[] = []
        for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk)
        found.push(`${entry.header.name}: ${Buffer.concat(chunks).toString()}`)
      }
      expect(found).toEqual(['note.txt: kept as it was'])
      await expect(getArchive(bed.engine, id, '/no/such/file')).rejects.toMatchObject({ code: 'engine/not-found' })
      await expect(headArchive(bed.engine, id, '/no/such/file')).rejects.toMatchObject({ code: 'engine/not-found' })
    })
  })

  describe('images', () => {
    it('an image is tagged, listed by reference, saved, removed and loaded', async () => {
      const tag = `${bed.run}/copy:1`
      await tagImage(bed.engine, bed.image, { repo: `${bed.run}/copy`, tag: '1' })
      const { Id } = await inspectImage(bed.engine, tag)
      const rows = await listImages(bed.engine, { filters: { reference: [tag] } })
      expect(rows.map((row) => row.Id)).toEqual([Id])
      const saved: Buffer[] = []
      for await (const chunk of (await saveImages(bed.engine, [tag])) as AsyncIterable<Buffer>) saved.push(chunk)
      expect(await removeImage(bed.engine, tag)).toEqual([{ Untagged: tag }])
      await expect(inspectImage(bed.engine, tag)).rejects.toMatchObject({ code: 'engine/not-found' })
      const said = await drain(await loadImages(bed.engine, Buffer.concat(saved)))
      expect(JSON.stringify(said)).toContain(`Loaded image: ${tag}`)
      expect((await inspectImage(bed.engine, tag)).RepoTags).toContain(tag)
      await removeImage(bed.engine, tag)
    })
  })

  describe('networks and volumes', () => {
    it('a network is made once, joined, left and removed', async () => {
      const name = bed.freeName()
      const body = { Name: name, CheckDuplicate: true, Labels: bed.labels, Internal: true }
      const { Id } = await createNetwork(bed.engine, body)
      await expect(createNetwork(bed.engine, body)).rejects.toMatchObject({
        code: 'engine/conflict',
        message: `network with name ${name} already exists`,
      })
      const listed = await listNetworks(bed.engine, { filters: { label: [bed.filter] } })
      expect(listed.map((network) => network.Id)).toEqual([Id])
      const container = await bed.makeRunning({ HostConfig: { NetworkMode: name } })
      const inside = await inspectNetwork(bed.engine, Id)
      expect(Object.keys(inside.Containers ?? {})).toEqual([container])
      await expect(removeNetwork(bed.engine, Id)).rejects.toMatchObject({
        message: expect.stringContaining('has active endpoints'),
      })
      await disconnectNetwork(bed.engine, Id, { Container: container })
      expect((await inspectContainer(bed.engine, container)).NetworkSettings.Networks).toEqual({})
      await connectNetwork(bed.engine, Id, { Container: container, EndpointConfig: { Aliases: ['web'] } })
      const joined = (await inspectContainer(bed.engine, container)).NetworkSettings.Networks?.[name]
      expect(joined?.NetworkID).toBe(Id)
      expect(joined?.IPAddress).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
      expect(joined?.Aliases).toContain('web')
      await removeContainer(bed.engine, container, { force: true })
      await removeNetwork(bed.engine, Id)
      await expect(inspectNetwork(bed.engine, Id)).rejects.toMatchObject({
        code: 'engine/not-found',
        message: `network ${Id} not found`,
      })
    })

    it('a volume is made once and cannot be removed while a container uses it', async () => {
      const name = bed.freeName()
      const body = { Name: name, Labels: bed.labels }
      expect(await createVolume(bed.engine, body)).toMatchObject({ Name: name, Driver: 'local', Labels: body.Labels })
      expect(await createVolume(bed.engine, body)).toMatchObject({ Name: name })
      const { Volumes } = await listVolumes(bed.engine, { filters: { label: [bed.filter] } })
      expect(Volumes?.map((volume) => volume.Name)).toEqual([name])
      const user = await bed.make({ HostConfig: { Binds: [`${name}:/data`] } })
      await expect(removeVolume(bed.engine, name)).rejects.toMatchObject({
        code: 'engine/conflict',
        message: expect.stringContaining('volume is in use'),
      })
      await removeContainer(bed.engine, user)
      await removeVolume(bed.engine, name)
      await expect(inspectVolume(bed.engine, name)).rejects.toMatchObject({
        code: 'engine/not-found',
        message: expect.stringContaining('no such volume'),
      })
    })
  })
}
