import type { CallOptions } from '../../core/call.ts'
import { guardEngine, setUpEngine } from './engine-steps.ts'
import type { InitSystem } from './init-system.ts'
import { findOrInstall, findProgram } from './install-engine.ts'
import type { OsRelease } from './os-release.ts'
import type { PackageTool } from './package-tools.ts'
import type { EngineWanted, Provisioner, ProvisionTarget } from './provisioner.ts'
import { hostOptionsDir, relocateSetup } from './unit-file.ts'

/** Packages that hold an engine, and where they come from. */
export interface EngineSource {
  /** As messages call it: `Debian`, `Docker`. */
  readonly from: string
  /** Makes the repository known; may be run again. `{codename}` and `{versionId}` are those of the system. */
  readonly setUp?: string
  readonly packages: readonly string[]
  /** Installed too where the release has them. */
  readonly extras?: readonly string[]
  /** Those of `packages` that carry the version of the engine, the engine itself first. */
  readonly versioned: readonly string[]
  /** Only asked when the user wants a version that the sources before it do not have. */
  readonly isFallback?: boolean
}

/** What has to be done before the first package can be installed. */
export interface Preparation {
  readonly run: string
  /** The host may lack what this is about. */
  readonly mayFail: boolean
}

/** One family of operating systems, as data. */
export interface SystemTable {
  /** As in `Provisioning with NAME...`. */
  readonly name: string
  /** For the message when no system matches. */
  readonly systems: readonly string[]
  /** Values of ID in os-release. */
  readonly ids: readonly string[]
  /** Values of VARIANT_ID; absent: any but those of `otherVariants`. */
  readonly variants?: readonly string[]
  readonly otherVariants?: readonly string[]
  /** VERSION_ID below this is refused. */
  readonly oldest?: number
  /** Absent: the engine is a part of the system. */
  readonly tool?: PackageTool
  readonly preparations?: readonly Preparation[]
  /** In the order they are tried. */
  readonly sources: readonly EngineSource[]
  /** What starts the engine; absent: found out on the host. */
  readonly service?: 'boot2docker'
  /** Folder of certificates on the host. */
  readonly optionsDir?: string
  /** Opens the engine's port where this firewall runs. */
  readonly firewall?: 'firewalld'
}

/** The provisioner of a family. */
export function fromTable(table: SystemTable): Provisioner {
  return {
    name: table.name,
    systems: table.systems,
    optionsDir: table.optionsDir ?? hostOptionsDir,
    matches: (os) => matchesTable(table, os),
    async provision(target: ProvisionTarget, wanted: EngineWanted, o: CallOptions): Promise<void> {
      const { shell } = target
      const setup = relocateSetup(wanted.setup, table.optionsDir ?? hostOptionsDir)
      const there = await findProgram(shell, o)
      const guard = (): Promise<InitSystem> => guardEngine(target, setup.args, table, o)
      const guarded = there === undefined ? undefined : await guard()
      await wanted.upgrade?.(shell, o)
      const program = await findOrInstall(target, table, wanted, there, o)
      await setUpEngine(target, { ...wanted, setup }, { program, table, init: guarded ?? (await guard()) }, o)
    },
  }
}

function matchesTable(table: SystemTable, os: OsRelease): boolean {
  if (!table.ids.includes(os.id)) return false
  if (table.variants !== undefined && !table.variants.includes(os.variantId)) return false
  if (table.otherVariants?.includes(os.variantId) === true) return false
  return table.oldest === undefined || os.versionId === '' || Number.parseFloat(os.versionId) >= table.oldest
}
