import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { claimAddress } from './address-claim.ts'
import { parseSubnet } from '../../subnet.ts'

describe('claiming an address', () => {
  const subnet = parseSubnet('10.213.0.0/29')
  let folder = ''
  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'claim-')), 'hosts')
  })
  afterEach(async () => {
    await rm(join(folder, '..'), { recursive: true })
  })

  it('gives every address once, also to callers at the same moment, and then says that none is left', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => claimAddress(folder, subnet)))
    expect(all.toSorted()).toEqual(['10.213.0.2', '10.213.0.3', '10.213.0.4', '10.213.0.5', '10.213.0.6'])
    expect((await readdir(folder)).toSorted()).toEqual(all.toSorted())
    await expect(claimAddress(folder, subnet)).rejects.toThrow('no address of 10.213.0.0/29 is left for another host')
  })

  it('gives a wanted address unless it is taken or not one for hosts', async () => {
    expect(await claimAddress(folder, subnet, '10.213.0.4')).toBe('10.213.0.4')
    await expect(claimAddress(folder, subnet, '10.213.0.4')).rejects.toThrow('belongs to another host')
    await expect(claimAddress(folder, subnet, '10.213.0.1')).rejects.toThrow('is not one for hosts of 10.213.0.0/29')
    await expect(claimAddress(folder, subnet, '../x')).rejects.toThrow('is not one for hosts')
  })
})
