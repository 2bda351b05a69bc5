import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { FlotillaError } from '../../../core/errors.ts'
import { codeOf, makeFolder } from '../../../io/files.ts'
import { isHostAddress, toAddress } from '../../subnet.ts'
import type { Subnet } from '../../subnet.ts'

/**
 * Takes an address for a new host by making its directory, which works for one process only.
 *
 * @param wanted absent: the first one that is free
 * @throws {machine/driver} when the wanted one is taken, or none is left
 */
export async function claimAddress(folder: string, subnet: Subnet, wanted?: string): Promise<string> {
  if (wanted === undefined) return claimFirst(folder, subnet)
  if (!isHostAddress(subnet, wanted)) {
    throw new FlotillaError('machine/driver', `address ${wanted} is not one for hosts of ${subnet.cidr}`)
  }
  if (await claim(folder, wanted)) return wanted
  throw new FlotillaError('machine/driver', `address ${wanted} belongs to another host`)
}

async function claimFirst(folder: string, subnet: Subnet): Promise<string> {
  for (let value = subnet.firstHost; value <= subnet.lastHost; value += 1) {
    if (await claim(folder, toAddress(value))) return toAddress(value)
  }
  throw new FlotillaError('machine/driver', `no address of ${subnet.cidr} is left for another host`, {
    hint: 'remove hosts, or choose another subnet',
  })
}

async function claim(folder: string, address: string): Promise<boolean> {
  for (;;) {
    // The last host of the fleet may just have been removed by another process, and the folder with it.
    await makeFolder(folder, 0o711)
    try {
      await mkdir(join(folder, address), { mode: 0o711 })
      return true
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }
}
