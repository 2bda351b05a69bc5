import { setUpEngine } from './engine-steps.ts'
import { installWithApt } from './install-engine.ts'
import type { Provisioner } from './provisioner.ts'

/** Ubuntu since 15.04 and what is made from it. */
export const ubuntu: Provisioner = {
  name: 'ubuntu(systemd)',
  systems: ['Ubuntu 15.04 and later', 'derivatives of Ubuntu'],
  matches: (os) => (os.id === 'ubuntu' && Number(os.versionId) >= 15.04) || os.idLike.includes('ubuntu'),
  async provision(target, wanted, o) {
    await setUpEngine(target, wanted, await installWithApt(target.shell, target.log, o), o)
  },
}
