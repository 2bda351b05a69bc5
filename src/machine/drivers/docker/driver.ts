import type { CallOptions } from '../../../core/call.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../../core/errors.ts'
import {
  inspectContainer,
  killContainer,
  listContainers,
  removeContainer,
  startContainer,
  stopContainer,
  unpauseContainer,
} from '../../../engine/api/containers.ts'
import type { ContainerInspect } from '../../../engine/api/types.ts'
import type { Engine } from '../../../engine/engine.ts'
import { joinHostPort } from '../../../io/dial.ts'
import { failpoint } from '../../../io/failpoint.ts'
import { readInteger, readText } from '../../driver.ts'
import type {
  Driver,
  DriverConfig,
  DriverContext,
  DriverFactory,
  EngineSetup,
  HostState,
  ShellRequest,
} from '../../driver.ts'
import { renderSupervisor, supervisorPaths } from '../../provision/unit-file.ts'
import { configureDocker } from './configure.ts'
import { containerName, labels, machineLabels } from './container-spec.ts'
import { putFiles, waitForListening } from './engine-inside.ts'
import { ensureImage } from './engine-image.ts'
import { findHostFiles } from './host-files.ts'
import { enterInside } from './inside.ts'
import { ensureNetwork, removeNetworkIfEmpty } from './machine-network.ts'
import { makeContainer } from './make-container.ts'
import { needsPublishing, outerAddress, requireOuter, withOuter } from './outer-engine.ts'

/** Containers inside get ten seconds to end, and engines end them one after another where there are many. */
const stopSeconds = 60

/** Machines that are privileged containers of an engine. Nothing about them is kept here but the record in the store. */
export const dockerFactory: DriverFactory = {
  configure: async (ctx, options) => configureDocker(ctx, options),
  create: (ctx, config) => new DockerDriver(ctx, config),
}

class DockerDriver implements Driver {
  readonly #ctx: DriverContext
  #config: DriverConfig

  constructor(ctx: DriverContext, config: DriverConfig) {
    this.#ctx = ctx
    this.#config = config
  }

  async precheck(o: CallOptions): Promise<void> {
    await this.#outer(async (engine) => {
      await requireOuter(engine, o)
      const usesHost = ['', '/', 'host'].includes(readText(this.#config, 'EngineRoot'))
      if (readText(this.#config, 'Image') === '' && usesHost) await findHostFiles(this.#ctx.clock, o)
      const name = containerName(this.#ctx.machineName)
      const taken = await inspectOrNone(engine, name, o)
      if (taken === undefined || this.#isOurs(taken)) return
      throw new FlotillaError('machine/precheck', `the outer engine has a container ${JSON.stringify(name)} already`, {
        hint: `if no other store has a machine ${JSON.stringify(this.#ctx.machineName)}, remove it: docker rm -fv ${name}`,
      })
    })
  }

  async create(o: CallOptions): Promise<void> {
    await this.#outer(async (engine) => {
      const config = this.#config
      const wanted = { image: readText(config, 'Image'), engineRoot: readText(config, 'EngineRoot') }
      const image = await ensureImage(engine, wanted, this.#ctx, o)
      await failpoint('docker.afterImage')
      const network = await ensureNetwork(engine, readText(config, 'Network'), o)
      await failpoint('docker.afterNetwork')
      const isPublished = config['IsPublished'] === true || (await needsPublishing(engine, o))
      // What a create that was killed has left.
      await this.#removeContainers(engine, {})
      const made = await makeContainer(engine, { image, network, isPublished, config }, this.#ctx, o)
      this.#config = {
        ...config,
        IPAddress: isPublished ? outerAddress(engine) : made.address,
        EnginePort: made.port,
        ContainerID: made.id,
      }
      await this.#ctx.checkpoint?.(this.#config)
    })
  }

  async state(o: CallOptions): Promise<HostState> {
    return this.#outer(async (engine) => {
      const container = await this.#find(engine, o)
      if (container === undefined) return readText(this.#config, 'ContainerID') === '' ? '' : 'Error'
      return toHostState(container)
    })
  }

  async start(o: CallOptions): Promise<void> {
    await this.#outer(async (engine) => {
      const container = await this.#require(engine, o)
      if (container.State.Paused) await unpauseContainer(engine, container.Id, o)
      await startContainer(engine, container.Id, {}, o)
    })
  }

  async stop(o: CallOptions): Promise<void> {
    await this.#outer(async (engine) => {
      const container = await this.#require(engine, o)
      if (container.State.Paused) await unpauseContainer(engine, container.Id, o)
      await stopContainer(engine, container.Id, { timeoutSeconds: stopSeconds }, o)
    })
  }

  async kill(o: CallOptions): Promise<void> {
    await this.#outer(async (engine) => {
      const container = await this.#require(engine, o)
      // Whatever the engine is doing with it, it must not bring it back afterwards.
      if (container.State.Running || container.State.Restarting) await killOrGone(engine, container.Id, o)
      await stopContainer(engine, container.Id, { timeoutSeconds: 0 }, o)
    })
  }

  async restart(o: CallOptions): Promise<void> {
    await this.stop(o)
    await this.start(o)
  }

  async remove(o: CallOptions): Promise<void> {
    await this.#outer(async (engine) => {
      await this.#removeContainers(engine, o)
      await removeNetworkIfEmpty(engine, readText(this.#config, 'Network'), this.#ctx.clock.nowMs(), o)
    })
  }

  async address(): Promise<string> {
    return readText(this.#config, 'IPAddress')
  }

  ssh(): undefined {
    return undefined
  }

  async engineUrl(o: CallOptions): Promise<string> {
    if ((await this.state(o)) !== 'Running') throw new FlotillaError('machine/state', 'Host is not running')
    const port = readInteger(this.#config, 'EnginePort', 2376)
    return `tcp://${joinHostPort({ host: readText(this.#config, 'IPAddress'), port })}`
  }

  toConfig(): DriverConfig {
    return this.#config
  }

  async configureEngine(setup: EngineSetup, o: CallOptions): Promise<void> {
    await this.#outer(async (engine) => {
      const { Id: id, State: before } = await this.#require(engine, o)
      const content = renderSupervisor({ program: 'dockerd', args: setup.args, env: setup.env })
      await putFiles(engine, id, [...setup.files, { path: supervisorPaths.script, content, mode: 0o700 }], o)
      await failpoint('docker.afterFiles')
      if (before.Running) await stopContainer(engine, id, { timeoutSeconds: stopSeconds }, o)
      await startContainer(engine, id, {}, o)
      await waitForListening(engine, id, readInteger(this.#config, 'EnginePort', 2376), this.#ctx.clock, o)
    })
  }

  async enter(request: ShellRequest, o: CallOptions): Promise<number> {
    const { clock, env } = this.#ctx
    const term = env['TERM']
    return this.#outer(async (engine) => {
      const { Id: id } = await this.#require(engine, o)
      return enterInside(engine, id, request, term === undefined ? [] : [`TERM=${term}`], clock, o)
    })
  }

  async #outer<T>(body: (engine: Engine) => Promise<T>): Promise<T> {
    try {
      return await withOuter(this.#ctx, this.#config, body)
    } catch (error) {
      if (!isFlotillaError(error) || !error.code.startsWith('engine/')) throw error
      throw new FlotillaError('machine/driver', `outer engine: ${toMessage(error)}`, { cause: error })
    }
  }

  /** By its labels: a crash may have come between its making and the storing of its ID. */
  async #find(engine: Engine, o: CallOptions): Promise<ContainerInspect | undefined> {
    const [id] = await this.#list(engine, o)
    return id === undefined ? undefined : inspectOrNone(engine, id, o)
  }

  async #list(engine: Engine, o: CallOptions): Promise<readonly string[]> {
    const { machineName, machinePath } = this.#ctx
    const label = Object.entries(machineLabels(machineName, machinePath)).map(([key, value]) => `${key}=${value}`)
    const found = await listContainers(engine, { all: true, filters: { label } }, o)
    const known = readText(this.#config, 'ContainerID')
    // A store that was moved has other paths than the labels.
    if (found.length === 0 && known !== '') return (await inspectOrNone(engine, known, o)) === undefined ? [] : [known]
    return found.map((container) => container.Id)
  }

  async #require(engine: Engine, o: CallOptions): Promise<ContainerInspect> {
    const container = await this.#find(engine, o)
    if (container !== undefined) return container
    const text = `the container of machine ${JSON.stringify(this.#ctx.machineName)} is gone from the outer engine`
    throw new FlotillaError('machine/driver', text, { hint: 'remove the machine and create it again' })
  }

  #isOurs(container: ContainerInspect): boolean {
    return container.Config.Labels?.[labels.path] === this.#ctx.machinePath
  }

  async #removeContainers(engine: Engine, o: CallOptions): Promise<void> {
    for (const id of await this.#list(engine, o)) {
      try {
        await removeContainer(engine, id, { force: true, volumes: true }, o)
      } catch (error) {
        // Somebody else was quicker.
        if (!isFlotillaError(error) || error.code !== 'engine/not-found') throw error
      }
    }
  }
}

function toHostState({ State: state }: ContainerInspect): HostState {
  if (state.Paused) return 'Paused'
  if (state.Restarting) return 'Starting'
  if (state.Running) return 'Running'
  return state.Dead ? 'Error' : 'Stopped'
}

async function killOrGone(engine: Engine, id: string, o: CallOptions): Promise<void> {
  try {
    await killContainer(engine, id, {}, o)
  } catch (error) {
    // It ended by itself meanwhile.
    if (!isFlotillaError(error) || error.code !== 'engine/conflict') throw error
  }
}

async function inspectOrNone(engine: Engine, id: string, o: CallOptions): Promise<ContainerInspect | undefined> {
  try {
    return await inspectContainer(engine, id, {}, o)
  } catch (error) {
    if (isFlotillaError(error) && error.code === 'engine/not-found') return undefined
    throw error
  }
}
