import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import {
  createContainer,
  inspectContainer,
  removeContainer,
  startContainer,
  waitContainer,
} from '../../engine/api/containers.ts'
import { connectNetwork } from '../../engine/api/networks.ts'
import { attachContainer } from '../../engine/api/streams.ts'
import type { Engine } from '../../engine/engine.ts'
import type { InitHook, Service } from '../model/service.ts'
import { toInitBody } from '../translate/init-body.ts'
import { relay, tellOutput } from './hook.ts'
import type { HookListener } from './hook.ts'

/** One `pre_start` command, and the container it prepares. */
export interface InitRun {
  readonly id: string
  readonly project: string
  readonly service: Service
  readonly index: number
  readonly hook: InitHook
}

/**
 * Runs one `pre_start` command to its end in a container of its own, which is removed whatever happens.
 *
 * @throws {compose/execute} `service "web" pre_start[0] exited with code N`, with the last lines it printed
 */
export async function runInit(engine: Engine, run: InitRun, listener: HookListener, o: CallOptions): Promise<void> {
  const { service, hook } = run
  const { Config, HostConfig, NetworkSettings } = await inspectContainer(engine, run.id, {}, o)
  const networkMode = HostConfig.NetworkMode ?? 'default'
  const body = toInitBody({ ...run, containerId: run.id, image: Config.Image ?? '', networkMode })
  const platform = service.platform === undefined ? {} : { platform: service.platform }
  const { Id: id } = await createContainer(engine, body, platform, o)
  try {
    for (const network of Object.keys(NetworkSettings.Networks ?? {})) {
      if (network === networkMode || /^(?:default|host|none|container:.*)$/.test(networkMode)) continue
      await connectNetwork(engine, network, { Container: id }, o)
    }
    const stream = await attachContainer(engine, id, { tty: false }, o)
    await startContainer(engine, id, {}, o)
    const tail = await relay(stream.output, `${service.name} pre_start[${run.index}] ->`, listener)
    // Not its next end, asked for beforehand: a quick command may be over before the engine hears the question.
    const { StatusCode: code } = await waitContainer(engine, id, { condition: 'not-running' }, o)
    if (code !== 0) {
      throw new FlotillaError(
        'compose/execute',
        `service "${service.name}" pre_start[${run.index}] exited with code ${code}`,
        { hint: tellOutput((hook.command ?? []).join(' '), tail) },
      )
    }
  } finally {
    // The signal may be what ended it: the removal has to go on all the same.
    await removeContainer(engine, id, { force: true, volumes: true }).catch(() => {})
  }
}
