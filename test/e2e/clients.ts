import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/io/clock.ts'
import { unpackPackages } from '../../src/testing/lab/debian-packages.ts'

/** Other people's clients of the Docker API, from Debian, unpacked into the machine's cache. */

/** A Python with `docker` (docker-py 5) and docker-compose 1.29, independent of the machine's own. */
export interface PythonClients {
  readonly python: string
  /** Arguments of `python` that start docker-compose. */
  readonly compose: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

const names = 'attr certifi chardet charset-normalizer distro docker dockerpty docopt dotenv idna jsonschema'
const more = 'pkg-resources pyrsistent requests six texttable urllib3 websocket yaml'

export async function findPythonClients(): Promise<PythonClients> {
  const tree = await unpackPackages(
    {
      name: 'python-clients',
      suite: 'bookworm',
      packages: [
        'docker-compose',
        ...`${names} ${more}`.split(' ').map((name) => `python3-${name}`),
        'python3.11-minimal',
        'libpython3.11-minimal',
        'libpython3.11-stdlib',
        'python3-distutils',
      ],
    },
    systemClock,
  )
  return {
    python: join(tree, 'usr/bin/python3.11'),
    compose: [join(tree, 'usr/bin/docker-compose')],
    env: { PYTHONHOME: join(tree, 'usr'), PYTHONPATH: join(tree, 'usr/lib/python3/dist-packages') },
  }
}

/** Puts buildx where the docker CLI looks for plug-ins. */
export async function installBuildx(dockerConfig: string): Promise<void> {
  const tree = await unpackPackages({ name: 'docker-buildx', suite: 'sid', packages: ['docker-buildx'] }, systemClock)
  const folder = join(dockerConfig, 'cli-plugins')
  await fs.mkdir(folder, { recursive: true })
  await fs.symlink(join(tree, 'usr/libexec/docker/cli-plugins/docker-buildx'), join(folder, 'docker-buildx'))
}
