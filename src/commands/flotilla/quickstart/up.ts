import { dirname } from 'node:path/posix'
import process from 'node:process'
import type { Context, Run } from '../../../cli/command.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { programVersion } from '../../../core/program.ts'
import { listContainers } from '../../../engine/api/containers.ts'
import { listImages, loadImages } from '../../../engine/api/images.ts'
import type { ContainerSummary } from '../../../engine/api/types.ts'
import { openEngine } from '../../../engine/client.ts'
import type { Engine } from '../../../engine/engine.ts'
import { makeFolder, writeFileAtomic } from '../../../io/files.ts'
import { isAlive } from '../../../io/process-identity.ts'
import type { ProcessIdentity } from '../../../io/process-identity.ts'
import { makeSampleImage, sampleImageName } from '../../../machine/sample-image.ts'
import { renderTable } from '../../../ui/table.ts'
import type { quickstartUpFlags } from '../table.ts'
import { raiseHosts, readUrls, runOwnChecked } from './hosts.ts'
import { startManager, stopManager, waitForNodes } from './manager.ts'
import type { Place } from './place.ts'
import { placeAt, readQuickstart, renderOwn, say, withQuickstart, writeQuickstart } from './place.ts'
import { renderSampleProject } from './project.ts'

/** Hosts, endpoint, image, project: each step does nothing where its result is there already. */
export const run: Run<typeof quickstartUpFlags> = async (ctx, flags) => {
  const place = placeAt(ctx, flags['state-dir'])
  const count = flags.hosts
  if (count < 1 || count > 20) throw new FlotillaError('cli/invalid-value', `--hosts takes 1 to 20, not ${count}`)
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    const lack = process.platform === 'linux' ? 'the rights of root' : `a Linux kernel, and this is ${process.platform}`
    throw new FlotillaError(
      'platform/missing',
      `the quickstart makes hosts out of Linux namespaces, which needs ${lack}`,
    )
  }
  await withQuickstart(ctx, place, () => bringUp(ctx, place, count, flags['local-engine-root']))
}

async function bringUp(ctx: Context, place: Place, count: number, engineRoot: string | undefined): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `node-${index + 1}`)
  const before = await readQuickstart(place)
  const all = [...new Set([...(before?.hosts ?? []), ...names])]
  let manager: ProcessIdentity | undefined = before?.manager
  const managed = before?.managed ?? before?.hosts ?? []
  await writeQuickstart(place, { hosts: all, ...(manager === undefined ? {} : { manager, managed }) })

  say(ctx, `making ${all.length} Docker hosts`)
  await raiseHosts(ctx, place, all, engineRoot === undefined ? [] : ['--local-engine-root', engineRoot])

  const engine = openEngine(
    { kind: 'unix', path: place.socket },
    { clock: ctx.clock, userAgent: `flotilla/${programVersion}` },
  )
  try {
    const isSameFleet = managed.length === all.length
    if (manager === undefined || !isSameFleet || !(await isAlive(manager))) {
      say(ctx, 'starting the endpoint')
      if (manager !== undefined) await stopManager(ctx, place, manager)
      await startManager(ctx, place, await readUrls(ctx, place, all), async (identity) => {
        manager = identity
        await writeQuickstart(place, { hosts: all, manager: identity, managed: all })
      })
    }
    await waitForNodes(ctx, place, engine, () => manager, all.length)
    await loadSample(ctx, engine)
    say(ctx, 'bringing the project up')
    await makeFolder(dirname(place.composeFile), 0o700)
    await writeFileAtomic(place.composeFile, renderSampleProject(sampleImageName, all.length), 0o600)
    await runOwnChecked(ctx, ['compose', '-f', place.composeFile, 'up', '-d'], {
      DOCKER_HOST: `unix://${place.socket}`,
    })
    ctx.stdout.write(describe(await listContainers(engine), place))
  } finally {
    await engine.close()
  }
}

async function loadSample(ctx: Context, engine: Engine): Promise<void> {
  const images = await listImages(engine, { filters: { reference: [sampleImageName] } })
  if (images.length > 0) return
  for await (const message of await loadImages(engine, await makeSampleImage(ctx.clock))) {
    if (message.error !== undefined)
      throw new FlotillaError('engine/server', `cannot load the sample image: ${message.error}`)
  }
}

function describe(containers: readonly ContainerSummary[], place: Place): string {
  const rows = containers
    .map((container) => {
      const [node = '', name = ''] = (container.Names[0] ?? '').replace(/^\//, '').split('/')
      const ports = [
        ...new Set(
          container.Ports.filter((port) => port.PublicPort !== undefined).map(
            (port) => `http://${port.IP}:${port.PublicPort}`,
          ),
        ),
      ]
      return [node, name, container.Status, ports.join(' ')]
    })
    .sort((one, other) => (one.join(' ') < other.join(' ') ? -1 : 1))
  return [
    '',
    renderTable(['NODE', 'CONTAINER', 'STATUS', 'ADDRESS'], rows),
    '',
    'All hosts answer as one engine. In another shell:',
    '',
    `  export DOCKER_HOST=unix://${place.socket}`,
    '  docker ps',
    '  docker info',
    '',
    `The project: ${place.composeFile}`,
    `The hosts:   ${renderOwn(['machine', '--storage-path', place.store, 'ls'])}`,
    `All of it goes away with: ${renderOwn(['quickstart', 'down', '--state-dir', place.folder])}`,
    '',
  ].join('\n')
}
