import type { CallOptions } from '../../core/call.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import { quoteShell, quoteShellWords } from '../../core/shell-quote.ts'
import type { RemoteResult } from '../../io/ssh/ssh.ts'
import { isVersion, pickVersion, readDaemonVersion } from './engine-version.ts'
import type { HostShell } from './host-shell.ts'
import type { EngineWanted, ProvisionTarget } from './provisioner.ts'
import type { PackageTool } from './package-tools.ts'
import type { EngineSource, SystemTable } from './system-table.ts'

/** A login over SSH often has no `/usr/sbin` in its path. */
export const findEngine = 'PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin" command -v dockerd'

/** Cloud images run the package manager on their first boot; two at once fail. */
const waitForFirstBoot = 'if command -v cloud-init >/dev/null 2>&1; then cloud-init status --wait; fi'

/** Absolute path of dockerd on the host; undefined where there is none. */
export async function findProgram(shell: HostShell, o: CallOptions): Promise<string | undefined> {
  const { code, stdout } = await shell.run(findEngine, o)
  return code === 0 ? stdout.trim() : undefined
}

/**
 * Takes the dockerd that is there, or installs one: by the user's own script, or from the packages of the family's table.
 *
 * @returns its absolute path on the host
 * @throws {machine/provision} also when no source has the wanted version
 */
export async function findOrInstall(
  target: ProvisionTarget,
  table: SystemTable,
  wanted: EngineWanted,
  there: string | undefined,
  o: CallOptions,
): Promise<string> {
  const { shell, log } = target
  if (there !== undefined && (wanted.version === '' || (await hasVersion(target, there, wanted.version, o)))) {
    return there
  }
  const host = installer(target, table, wanted)
  if (there === undefined && wanted.installUrl !== '') {
    log.info(`Installing Docker with ${wanted.installUrl}...`)
    await host.runScript(wanted.installUrl, o)
  } else {
    log.info(wanted.version === '' ? 'Installing Docker...' : `Installing Docker ${wanted.version}...`)
    await host.installPackages(o)
  }
  const installed = await findProgram(shell, o)
  if (installed !== undefined) return installed
  const what = wanted.installUrl === '' ? 'the packages were installed' : `the script at ${wanted.installUrl} ran`
  throw new FlotillaError('machine/provision', `${what} on the host but there is no dockerd`)
}

async function hasVersion(target: ProvisionTarget, path: string, version: string, o: CallOptions): Promise<boolean> {
  const { stdout } = await target.shell.run(`${quoteShell(path)} --version`, o)
  return isVersion(readDaemonVersion(stdout), version)
}

interface Installer {
  runScript(url: string, o: CallOptions): Promise<void>
  installPackages(o: CallOptions): Promise<void>
}

function installer(target: ProvisionTarget, table: SystemTable, wanted: EngineWanted): Installer {
  const { shell, os } = target
  const proxies = renderProxies(wanted.setup.env)
  // Passwords of a proxy go over stdin: they belong neither in a list of processes nor in an error.
  const load = proxies === '' ? '' : '. /dev/stdin; '
  const feed = (o: CallOptions): CallOptions & { readonly input?: string } =>
    proxies === '' ? o : { ...o, input: proxies }
  const run = (script: string, o: CallOptions): Promise<RemoteResult> => shell.run(load + script, feed(o))
  const check = (script: string, o: CallOptions): Promise<string> => shell.check(load + script, feed(o))

  function needTool(): PackageTool {
    if (table.tool !== undefined) return table.tool
    const text =
      wanted.version === ''
        ? `${os.prettyName} has no dockerd, and its engine cannot be installed: it is a part of the system`
        : `the engine of ${os.prettyName} is a part of the system and not version ${wanted.version}`
    throw new FlotillaError('machine/provision', text)
  }

  async function prepare(o: CallOptions): Promise<void> {
    for (const step of table.preparations ?? []) {
      const script = fill(step.run, { codename: os.codename, versionId: os.versionId })
      if (step.mayFail) await run(script, o)
      else await check(script, o)
    }
  }

  async function refresh(tool: PackageTool, o: CallOptions): Promise<void> {
    await check(tool.refresh, o)
  }

  async function addRepository(source: EngineSource, tool: PackageTool, o: CallOptions): Promise<void> {
    if (source.setUp === undefined) return
    if ((await run('command -v curl', o)).code !== 0) await check(fillPackages(tool, ['curl', 'ca-certificates']), o)
    await check(fill(source.setUp, { codename: os.codename, versionId: os.versionId }), o)
    await refresh(tool, o)
  }

  async function installNewest(tool: PackageTool, o: CallOptions): Promise<void> {
    const source = table.sources.find((each) => each.isFallback !== true)
    if (source === undefined)
      throw new FlotillaError('machine/provision', `no package of ${os.prettyName} holds Docker`)
    await addRepository(source, tool, o)
    await check(fillPackages(tool, [...source.packages, ...(await listExtras(source, tool, o))]), o)
  }

  /** Packages that only some releases have. */
  async function listExtras(source: EngineSource, tool: PackageTool, o: CallOptions): Promise<readonly string[]> {
    const found: string[] = []
    for (const name of source.extras ?? []) {
      const { stdout } = await run(fill(tool.versions, { package: quoteShell(name) }), o)
      if (stdout.trim() !== '') found.push(name)
    }
    return found
  }

  async function installVersion(tool: PackageTool, o: CallOptions): Promise<void> {
    const seen: string[] = []
    for (const source of table.sources) {
      const [engine = ''] = source.versioned
      try {
        await addRepository(source, tool, o)
      } catch (error) {
        if (o.signal?.aborted === true) throw error
        seen.push(`the repository of ${source.from} cannot be read: ${lastLine(toMessage(error))}`)
        continue
      }
      const listed = (await run(fill(tool.versions, { package: quoteShell(engine) }), o)).stdout
      const versions = listed.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))
      const version = pickVersion(versions, wanted.version)
      if (version !== undefined) {
        const pinned = source.packages.map((name) =>
          source.versioned.includes(name)
            ? fill(tool.pin, { package: name, version, release: version.replace(/^\d+:/, '') })
            : name,
        )
        await check(fillPackages(tool, [...pinned, ...(await listExtras(source, tool, o))]), o)
        return
      }
      seen.push(
        `${source.from} has ${engine} ${versions.length === 0 ? 'in no version' : versions.slice(0, 8).join(', ')}`,
      )
    }
    throw new FlotillaError('machine/provision', `no package of version ${wanted.version} for ${os.prettyName}`, {
      hint: seen.join('; '),
    })
  }

  return {
    async runScript(url, o) {
      const script = [
        'file="$(mktemp)"',
        `if command -v curl >/dev/null 2>&1; then curl -fsSL -o "$file" ${quoteShell(url)}; else wget -q -O "$file" ${quoteShell(url)}; fi`,
        `code=$?; [ $code -ne 0 ] || { sh "$file" </dev/null; code=$?; }`,
        'rm -f "$file"; exit $code',
      ].join('; ')
      await shell.run(waitForFirstBoot, o)
      await prepare(o)
      await check(script, o)
    },
    async installPackages(o) {
      const tool = needTool()
      await shell.run(waitForFirstBoot, o)
      await prepare(o)
      await refresh(tool, o)
      await (wanted.version === '' ? installNewest(tool, o) : installVersion(tool, o))
    },
  }
}

/** What a tool said last, without our form around it. */
function lastLine(text: string): string {
  return (text.trim().split('\n').at(-1) ?? '').replace(/^output {2}: /, '')
}

/** Lines that give the package manager the proxies that the engine is to have. */
export function renderProxies(env: readonly string[]): string {
  const lines = env.flatMap((pair) => {
    const at = pair.indexOf('=')
    const name = pair.slice(0, at)
    return /^(?:https?|ftp|all|no)_proxy$/i.test(name) ? [`export ${name}=${quoteShell(pair.slice(at + 1))}\n`] : []
  })
  return lines.join('')
}

function fillPackages(tool: PackageTool, packages: readonly string[]): string {
  return tool.install.replace('{packages}', () => quoteShellWords(packages))
}

function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}
