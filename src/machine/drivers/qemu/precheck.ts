import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { execProgram } from '../../../io/exec.ts'
import { pathExists } from '../../../io/files.ts'
import { systemEnv } from '../../../io/system-env.ts'
import { systemProgram } from './qemu-args.ts'

/** Program → Debian package. */
const always: Readonly<Record<string, string>> = { 'qemu-img': 'qemu-utils', 'ssh-keygen': 'openssh-client' }
const forBuilding: Readonly<Record<string, string>> = {
  mmdebstrap: 'mmdebstrap',
  mke2fs: 'e2fsprogs',
  setpriv: 'util-linux',
  unshare: 'util-linux',
}

export interface QemuNeeds {
  /** Files the user named. */
  readonly files: readonly string[]
  readonly bridge: string
  /** The image of machines has still to be built. */
  readonly builds: boolean
}

/** @throws {machine/precheck} naming all that is missing and what to do */
export async function requireQemuNeeds(needs: QemuNeeds, clock: Clock, o: CallOptions): Promise<void> {
  const program = systemProgram(process.arch)
  if (process.platform !== 'linux' || program === undefined) {
    throw new FlotillaError('machine/precheck', 'Driver "qemu" not supported on this platform.', {
      hint: `it needs Linux on x86-64 or ARM64, this is ${process.platform} on ${process.arch}`,
    })
  }
  const wanted: Readonly<Record<string, string>> = {
    [program]: process.arch === 'x64' ? 'qemu-system-x86' : 'qemu-system-arm',
    ...always,
    ...(needs.builds ? forBuilding : {}),
    ...(needs.bridge === '' ? {} : { ip: 'iproute2' }),
  }
  const script = 'for p; do command -v "$p" > /dev/null || echo "$p"; done'
  const { stdout } = await execProgram(['sh', '-c', script, 'sh', ...Object.keys(wanted)], {
    ...o,
    clock,
    env: systemEnv(),
  })
  const missing = stdout.split('\n').filter((name) => name !== '')
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((name) => wanted[name]))].join(' ')
    throw new FlotillaError('machine/precheck', `virtual machines cannot be made here: missing ${missing.join(', ')}`, {
      hint: `install ${packages} (names of Debian)`,
    })
  }
  for (const path of needs.files) {
    if (!(await pathExists(path)))
      throw new FlotillaError('machine/precheck', `cannot read ${JSON.stringify(path)}: no such file`)
  }
  const isRoot = process.getuid?.() === 0
  if (needs.builds && !isRoot) {
    throw new FlotillaError('machine/precheck', 'the image of virtual machines can only be built by root', {
      hint: 'run the command as root once, or give an image with --qemu-image',
    })
  }
  if (needs.bridge === '') return
  if (!isRoot) throw new FlotillaError('machine/precheck', '--qemu-bridge needs the rights of root')
  if (!(await pathExists(`/sys/class/net/${needs.bridge}/bridge`))) {
    throw new FlotillaError(
      'machine/precheck',
      `--qemu-bridge ${JSON.stringify(needs.bridge)}: there is no such bridge`,
    )
  }
}
