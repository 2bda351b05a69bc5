import type { ContainerCreateBody, ContainerResources, RestartPolicy } from '../../engine/api/types.ts'
import { FakeError, hasLabels, isSet, readFilters } from './call.ts'
import type { FakeCall, FakeRoute } from './call.ts'
import {
  createFakeContainer,
  endSeeded,
  needContainer,
  removeFakeContainer,
  startFakeContainer,
  untilStopped,
} from './container-life.ts'
import { viewInspect, viewSummary } from './container-view.ts'
import type { FakeContainer } from './state.ts'

const listFilters = ['id', 'name', 'label', 'status', 'ancestor', 'network', 'volume', 'exited', 'health', 'is-task']

function list(call: FakeCall): void {
  const filters = readFilters(call, listFilters)
  const isAll = isSet(call, 'all') || isSet(call, 'limit') || filters.has('status') || filters.has('exited')
  const limit = Number(call.query.get('limit') ?? 0)
  const rows = [...call.state.containers.values()]
    .filter((container) => (isAll || isRunning(container)) && matches(call, container, filters))
    .reverse()
  call.send(
    200,
    (limit > 0 ? rows.slice(0, limit) : rows).map((container) => viewSummary(call.state, container)),
  )
}

function isRunning(container: FakeContainer): boolean {
  return container.status === 'running' || container.status === 'paused'
}

function matches(call: FakeCall, container: FakeContainer, filters: ReadonlyMap<string, readonly string[]>): boolean {
  function some(name: string, test: (operand: string) => boolean): boolean {
    const operands = filters.get(name)
    return operands === undefined || operands.length === 0 || operands.some(test)
  }
  const volumes = (container.hostConfig.Binds ?? []).flatMap((bind) => bind.split(':').slice(0, 2))
  return (
    hasLabels(container.config.Labels, filters.get('label')) &&
    some('id', (id) => container.id.startsWith(id)) &&
    some(
      'name',
      (pattern) => new RegExp(pattern).test(`/${container.name}`) || new RegExp(pattern).test(container.name),
    ) &&
    some('status', (status) => container.status === status) &&
    some('exited', (code) => container.status === 'exited' && container.exitCode === Number(code)) &&
    some('health', (health) => container.health === health) &&
    some('volume', (volume) => volumes.includes(volume)) &&
    some('ancestor', (image) => container.imageId === call.state.findImage(image)?.id) &&
    some('network', (network) =>
      [...container.networks].some(([name, settings]) => name === network || settings.NetworkID === network),
    )
  )
}

async function create(call: FakeCall): Promise<void> {
  const body = await call.json<ContainerCreateBody>()
  const networks = Object.keys(body.NetworkingConfig?.EndpointsConfig ?? {})
  // Until 1.44 an engine took one network at create.
  if (networks.length > 1 && Number(call.version.split('.')[1]) < 44) {
    throw new FakeError(400, `Container cannot be connected to network endpoints: ${networks.join(', ')}`)
  }
  const container = createFakeContainer(call.state, body, call.query.get('name'))
  call.send(201, { Id: container.id, Warnings: call.state.options.createWarnings ?? [] })
}

function target(call: FakeCall): FakeContainer {
  return needContainer(call.state, call.params[0] ?? '')
}

function start(call: FakeCall): void {
  if (startFakeContainer(call.state, target(call))) call.send(204)
  else call.send(304)
}

async function stopRunning(call: FakeCall, container: FakeContainer): Promise<void> {
  const signal = call.query.get('signal') ?? container.config.StopSignal ?? 'SIGTERM'
  container.process?.kill(signal)
  // What does not die of its stop signal would die of SIGKILL when the grace time is over.
  await killNow(call, container)
  call.state.emitContainer(container, 'stop')
}

async function killNow(call: FakeCall, container: FakeContainer): Promise<void> {
  if (container.process === undefined) {
    // A container that a test put there runs without a process.
    endSeeded(call.state, container)
    return
  }
  container.process.kill('SIGKILL')
  await untilStopped(container)
}

async function stop(call: FakeCall): Promise<void> {
  const container = target(call)
  if (!isRunning(container)) {
    call.send(304)
    return
  }
  await stopRunning(call, container)
  call.send(204)
}

async function restart(call: FakeCall): Promise<void> {
  const container = target(call)
  if (isRunning(container)) await stopRunning(call, container)
  startFakeContainer(call.state, container)
  call.state.emitContainer(container, 'restart')
  call.send(204)
}

async function kill(call: FakeCall): Promise<void> {
  const container = target(call)
  if (!isRunning(container)) {
    throw new FakeError(409, `Cannot kill container: ${call.params[0]}: Container ${container.id} is not running`)
  }
  const signal = call.query.get('signal') ?? 'SIGKILL'
  call.state.emitContainer(container, 'kill', { signal })
  container.process?.kill(signal)
  if (/^(SIG)?(KILL|TERM|INT)$/.test(signal) && container.process === undefined) endSeeded(call.state, container)
  if (/^(SIG)?KILL$/.test(signal)) await untilStopped(container)
  call.send(204)
}

async function remove(call: FakeCall): Promise<void> {
  const container = target(call)
  if (isRunning(container)) {
    if (!isSet(call, 'force')) {
      throw new FakeError(
        409,
        `You cannot remove a running container ${container.id}. Stop the container before attempting removal or force remove`,
      )
    }
    await killNow(call, container)
  }
  removeFakeContainer(call.state, container)
  call.send(204)
}

function rename(call: FakeCall): void {
  const container = target(call)
  const name = (call.query.get('name') ?? '').replace(/^\//, '')
  if (name === '') throw new FakeError(400, 'Neither old nor new names may be empty')
  const holder = call.state.names.get(name)
  if (holder === container.id) throw new FakeError(400, 'Renaming a container with the same name as its current name')
  if (holder !== undefined) {
    throw new FakeError(
      409,
      `Error when allocating new name: Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`,
    )
  }
  const oldName = container.name
  call.state.names.delete(oldName)
  call.state.names.set(name, container.id)
  container.name = name
  call.state.emitContainer(container, 'rename', { oldName: `/${oldName}` })
  call.send(204)
}

function pause(call: FakeCall): void {
  const container = target(call)
  if (container.status !== 'running') throw new FakeError(409, `Container ${container.id} is not running`)
  container.status = 'paused'
  // As engines do: they check nothing meanwhile, and know no other word for it.
  if (container.health !== 'none') container.health = 'unhealthy'
  call.state.emitContainer(container, 'pause')
  call.send(204)
}

function unpause(call: FakeCall): void {
  const container = target(call)
  if (container.status !== 'paused') throw new FakeError(409, `Container ${container.id} is not paused`)
  container.status = 'running'
  call.state.emitContainer(container, 'unpause')
  call.send(204)
}

async function update(call: FakeCall): Promise<void> {
  const container = target(call)
  const body = await call.json<ContainerResources & { RestartPolicy?: RestartPolicy }>()
  container.hostConfig = { ...container.hostConfig, ...body }
  call.state.emitContainer(container, 'update')
  call.send(200, { Warnings: null })
}

/** Answers with the head at once, as engines do, and with the body when the time has come. */
async function wait(call: FakeCall): Promise<void> {
  const container = target(call)
  const { state } = call
  const condition = call.query.get('condition') ?? 'not-running'
  const before = container.finishedAtMs
  const atStart = container.process
  function isMet(): boolean {
    if (condition === 'removed') return !state.containers.has(container.id)
    if (condition === 'not-running') return !isRunning(container)
    return !isRunning(container) && (atStart !== undefined || container.finishedAtMs > before)
  }
  const response = call.stream('application/json')
  response.flushHeaders()
  await new Promise<void>((resolve) => {
    function check(): void {
      if (!isMet() && !call.signal.aborted) return
      state.signals.off('change', check)
      call.signal.removeEventListener('abort', check)
      resolve()
    }
    state.signals.on('change', check)
    call.signal.addEventListener('abort', check)
    check()
  })
  response.end(`${JSON.stringify({ StatusCode: container.exitCode })}\n`)
}

function top(call: FakeCall): void {
  const container = target(call)
  if (!isRunning(container)) throw new FakeError(409, `Container ${container.id} is not running`)
  const command = [...(container.config.Entrypoint ?? []), ...(container.config.Cmd ?? [])].join(' ')
  call.send(200, {
    Titles: ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'],
    Processes: [['root', '4242', '1', '0', '00:00', '?', '00:00:00', command]],
  })
}

async function stats(call: FakeCall): Promise<void> {
  const container = target(call)
  const response = call.stream('application/json')
  const isStream = !call.query.has('stream') || isSet(call, 'stream')
  for (let isMore = true; isMore; isMore = isStream && !call.signal.aborted) {
    const memory = { usage: isRunning(container) ? 1_000_000 : 0, limit: call.state.options.memoryBytes ?? 0 }
    response.write(
      `${JSON.stringify({ read: new Date(call.state.clock.nowMs()).toISOString(), id: container.id, name: `/${container.name}`, memory_stats: memory })}\n`,
    )
    if (isStream) await call.state.clock.sleep(1000, call.signal).catch(() => {})
  }
  response.end()
}

function prune(call: FakeCall): void {
  const filters = readFilters(call, ['label', 'until'])
  const gone = [...call.state.containers.values()].filter(
    (container) => !isRunning(container) && hasLabels(container.config.Labels, filters.get('label')),
  )
  for (const container of gone) removeFakeContainer(call.state, container)
  call.send(200, { ContainersDeleted: gone.map((container) => container.id), SpaceReclaimed: 0 })
}

export const containerRoutes: readonly FakeRoute[] = [
  ['GET', /^\/containers\/json$/, list],
  ['POST', /^\/containers\/create$/, create],
  ['POST', /^\/containers\/prune$/, prune],
  ['GET', /^\/containers\/([^/]+)\/json$/, (call) => call.send(200, viewInspect(target(call)))],
  ['POST', /^\/containers\/([^/]+)\/start$/, start],
  ['POST', /^\/containers\/([^/]+)\/stop$/, stop],
  ['POST', /^\/containers\/([^/]+)\/restart$/, restart],
  ['POST', /^\/containers\/([^/]+)\/kill$/, kill],
  ['POST', /^\/containers\/([^/]+)\/rename$/, rename],
  ['POST', /^\/containers\/([^/]+)\/pause$/, pause],
  ['POST', /^\/containers\/([^/]+)\/unpause$/, unpause],
  ['POST', /^\/containers\/([^/]+)\/update$/, update],
  ['POST', /^\/containers\/([^/]+)\/wait$/, wait],
  ['GET', /^\/containers\/([^/]+)\/top$/, top],
  ['GET', /^\/containers\/([^/]+)\/stats$/, stats],
  ['DELETE', /^\/containers\/([^/]+)$/, remove],
]
