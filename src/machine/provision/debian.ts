import { setUpEngine } from './engine-steps.ts'
import { installWithApt } from './install-engine.ts'
import type { OsRelease } from './os-release.ts'
import type { Provisioner } from './provisioner.ts'

/** Debian and what is made from it. The engine is the distribution's own `docker.io`, or whatever is there. */
export const debian: Provisioner = {
  name: 'debian',
  systems: ['Debian', 'Raspbian', 'derivatives of Debian'],
  matches: (os: OsRelease) =>
    os.id === 'debian' || (os.id !== 'ubuntu' && isLike(os, 'debian') && !isLike(os, 'ubuntu')),
  async provision(target, wanted, o) {
    await setUpEngine(target, wanted, await installWithApt(target.shell, target.log, o), o)
  },
}

function isLike(os: OsRelease, id: string): boolean {
  return os.idLike.includes(id)
}
