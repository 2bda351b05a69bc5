import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/io/clock.ts'
import { pollUntil } from '../../src/io/process-identity.ts'
import { openEngine } from '../../src/engine/client.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { callForJson } from '../../src/engine/api/call.ts'
import { watchEvents } from '../../src/engine/api/events.ts'
import { unpackPackages } from '../../src/testing/lab/debian-packages.ts'
import type { LabHost } from '../../src/testing/lab/types.ts'
import { collect, programForms } from './programs.ts'
import type { ProgramForm, RunResult } from './programs.ts'
import { TerminalSession } from './terminal.ts'

/** What the Compose end-to-end tests share: projects on disk, our program, the reference program, the engine's truth. */

export const isRoot: boolean = process.getuid?.() === 0 && process.platform === 'linux'
export const sampleImage = 'flotilla/sample:latest'

/** A container as a test looks at it. */
export interface Seen {
  readonly id: string
  readonly name: string
  readonly state: string
  readonly status: string
  readonly labels: Readonly<Record<string, string>>
  readonly volumes: readonly string[]
}

/** One endpoint with projects on it. */
export class ComposeHost {
  readonly engine: Engine
  readonly env: Readonly<Record<string, string>>
  readonly folder: string
  readonly form: ProgramForm

  constructor(
    engine: Engine,
    env: Readonly<Record<string, string>>,
    folder: string,
    form: ProgramForm['name'] = 'executable',
  ) {
    this.engine = engine
    this.env = env
    this.folder = folder
    this.form = programForms.find((each) => each.name === form)!
  }

  /** Writes the files of a project into a folder of that name. */
  async write(project: string, files: Readonly<Record<string, string>>): Promise<void> {
    await mkdir(join(this.folder, project), { recursive: true })
    for (const [name, text] of Object.entries(files)) await writeFile(join(this.folder, project, name), text)
  }

  /** Our program in the project's folder. */
  compose(project: string, args: readonly string[], input = ''): Promise<RunResult> {
    return this.form.run('docker-compose', args, this.#options(project, input))
  }

  /** Our program on a terminal of its own. */
  terminal(project: string, args: readonly string[]): TerminalSession {
    const [file, ...leading] = this.form.command('docker-compose')
    const env = { PATH: process.env['PATH'] ?? '', HOME: this.folder, TERM: 'xterm', ...this.env }
    return new TerminalSession([file, ...leading, ...args], { cwd: join(this.folder, project), env })
  }

  /** The reference program in the project's folder. */
  async reference(project: string, args: readonly string[], input = ''): Promise<RunResult> {
    const child = spawn(await findReferenceCompose(), [...args], {
      cwd: join(this.folder, project),
      env: { PATH: process.env['PATH'] ?? '', HOME: this.folder, ...this.env },
    })
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    return collect(child, 120_000)
  }

  /** Our program, left running. */
  start(project: string, args: readonly string[]): ReturnType<ProgramForm['start']> {
    return this.form.start('docker-compose', args, this.#options(project, ''))
  }

  #options(
    project: string,
    input: string,
  ): { cwd: string; env: Record<string, string>; input: string; timeoutMs: number } {
    return { cwd: join(this.folder, project), env: { ...this.env }, input, timeoutMs: 120_000 }
  }

  async containers(project: string): Promise<readonly Seen[]> {
    const filters = JSON.stringify({ label: [`com.docker.compose.project=${project}`] })
    const listed = await callForJson<
      readonly {
        Id: string
        Names: readonly string[]
        State: string
        Status: string
        Labels: Readonly<Record<string, string>>
        Mounts: readonly { Type: string; Name?: string }[]
      }[]
    >(this.engine, { method: 'GET', path: '/containers/json', query: { all: true, filters } }, {})
    return listed
      .map((entry) => ({
        id: entry.Id,
        name: (entry.Names[0] ?? '').split('/').at(-1) ?? '',
        state: entry.State,
        status: entry.Status,
        labels: entry.Labels,
        volumes: entry.Mounts.flatMap((mount) => (mount.Type === 'volume' ? [mount.Name ?? ''] : [])).sort(),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Names of the project's networks and volumes. */
  async resources(project: string): Promise<readonly string[]> {
    const query = { filters: JSON.stringify({ label: [`com.docker.compose.project=${project}`] }) }
    const networks = await callForJson<readonly { Name: string }[]>(
      this.engine,
      { method: 'GET', path: '/networks', query },
      {},
    )
    const volumes = await callForJson<{ Volumes: readonly { Name: string }[] | null }>(
      this.engine,
      { method: 'GET', path: '/volumes', query },
      {},
    )
    return [...networks, ...(volumes.Volumes ?? [])].map((entry) => entry.Name.split('/').at(-1) ?? '').sort()
  }

  /** What the engine did while the body ran, health checks aside. */
  async changesDuring(body: () => Promise<unknown>): Promise<readonly string[]> {
    const stop = new AbortController()
    const filters = { type: ['container', 'network', 'volume', 'image'] }
    const events = await watchEvents(this.engine, { filters }, { signal: stop.signal })
    const seen: string[] = []
    const reading = (async () => {
      for await (const event of events) {
        if (/^(?:exec_|health_status)/.test(event.Action)) continue
        seen.push(`${event.Type} ${event.Action} ${event.Actor.Attributes?.['name'] ?? ''}`)
      }
    })().catch(() => {})
    await body()
    // The last event may be on its way: a network that is made and removed marks the end.
    const marker = `marker-${Date.now()}`
    await callForJson(this.engine, { method: 'POST', path: '/networks/create', body: { Name: marker } }, {})
    await pollUntil(async () => seen.some((line) => line.includes(marker)), 10_000, systemClock, { everyMs: 20 })
    await this.engine.request({ method: 'DELETE', path: `/networks/${marker}` })
    stop.abort()
    await reading
    return seen.filter((line) => !line.includes(marker))
  }

  async eventually(isTrue: () => Promise<boolean>, limitMs = 60_000): Promise<boolean> {
    return pollUntil(isTrue, limitMs, systemClock, { everyMs: 100 })
  }

  async close(): Promise<void> {
    await this.engine.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}

/**
 * A host of the lab as a place for projects.
 *
 * @param form of our program. The executable takes a sixth of the processor's time to start; what an engine or a form could
 *   have a say in (life cycle, processes, terminals, builds, streams) has a file or a half of one on Node as well
 */
export async function openComposeHost(host: LabHost, form?: ProgramForm['name']): Promise<ComposeHost> {
  const folder = await mkdtemp(join(tmpdir(), 'compose-e2e-'))
  const engine = openEngine(host.endpoint, { clock: systemClock, userAgent: 'flotilla-test' })
  const env = { DOCKER_HOST: host.url, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: host.certificates.directory }
  return new ComposeHost(engine, env, folder, form)
}

/** Path of docker-compose 2.40 from Debian, unpacked into the machine's cache. */
export async function findReferenceCompose(): Promise<string> {
  const set = { name: 'docker-compose', suite: 'sid', packages: ['docker-compose'] }
  const tree = await unpackPackages(set, systemClock)
  return join(tree, 'usr/libexec/docker/cli-plugins/docker-compose')
}
