import type { CallOptions } from '../../../core/call.ts'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { createContainer, removeContainer, startContainer } from '../../../engine/api/containers.ts'
import type { NetworkInspect } from '../../../engine/api/types-resource.ts'
import type { Engine } from '../../../engine/engine.ts'
import { failpoint } from '../../../io/failpoint.ts'
import { readInteger, readText } from '../../driver.ts'
import type { DriverConfig, DriverContext } from '../../driver.ts'
import { containerBody, containerName } from './container-spec.ts'
import { listFreeAddresses } from './machine-network.ts'

/** Ports for publishing: above what services use, below what kernels give to clients. */
const firstPort = 24_000
const portCount = 8000
const attempts = 6
const localEndpoints = ['unix', 'npipe']

interface Made {
  readonly id: string
  readonly address: string
  readonly port: number
}

/**
 * Makes and starts the container of a machine. Another create may take the address or the port in the same moment, and
 * an engine may not be able to give all rights: then it is tried again with other ones.
 *
 * @throws {machine/driver}
 */
export async function makeContainer(
  engine: Engine,
  wanted: {
    readonly image: string
    readonly network: NetworkInspect
    readonly isPublished: boolean
    readonly config: DriverConfig
  },
  ctx: DriverContext,
  o: CallOptions,
): Promise<Made> {
  const { config, network, isPublished } = wanted
  const free = await listFreeAddresses(engine, network, o)
  let isPrivileged = true
  let turn = 0
  for (let attempt = 1; ; attempt += 1) {
    const address = free[turn]
    if (address === undefined) {
      throw new FlotillaError('machine/driver', `no address of network ${network.Name} is left for another machine`)
    }
    const port = isPublished ? firstPort + (Math.floor(ctx.random.next() * portCount + attempt) % portCount) : 2376
    const body = containerBody({
      machineName: ctx.machineName,
      machinePath: ctx.machinePath,
      image: wanted.image,
      network: network.Name,
      address,
      cpus: typeof config['Cpus'] === 'number' ? config['Cpus'] : 0,
      memoryMb: readInteger(config, 'MemoryMB', 0),
      volume: readText(config, 'Volume'),
      port,
      isPrivileged,
      ...(isPublished && { publishAt: localEndpoints.includes(engine.endpoint.kind) ? '127.0.0.1' : '0.0.0.0' }),
    })
    const { Id: id } = await createContainer(engine, body, { name: containerName(ctx.machineName) }, o)
    await failpoint('docker.afterContainer')
    try {
      await startContainer(engine, id, {}, o)
      await failpoint('docker.afterContainerStart')
      return { id, address, port }
    } catch (error) {
      const text = toMessage(error)
      await removeContainer(engine, id, { force: true, volumes: true }, {})
      const lacksRights = isPrivileged && /unable to apply caps|operation not permitted/i.test(text)
      const isTaken = /address already in use|port is already allocated/i.test(text)
      if (attempt >= attempts || o.signal?.aborted === true || (!lacksRights && !isTaken)) throw error
      if (lacksRights) {
        ctx.log.warn('The outer engine cannot make privileged containers here; giving what rights there are')
        isPrivileged = false
      } else {
        turn += 1
      }
    }
  }
}
