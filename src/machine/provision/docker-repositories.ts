import type { EngineSource } from './system-table.ts'

/** Docker's own package repositories, as data: the engine of each release line, signed. */

const site = 'https://download.docker.com/linux'
const packages = ['docker-ce', 'docker-ce-cli', 'containerd.io']
const versioned = ['docker-ce', 'docker-ce-cli']

/** @param vendor folder of the distribution on the site */
export function dockerForApt(vendor: 'debian' | 'ubuntu'): EngineSource {
  const key = '/etc/apt/keyrings/docker.asc'
  return {
    from: 'Docker',
    setUp: [
      'install -m 0755 -d /etc/apt/keyrings',
      `curl -fsSL -o ${key} ${site}/${vendor}/gpg`,
      `chmod a+r ${key}`,
      `echo "deb [arch=$(dpkg --print-architecture) signed-by=${key}] ${site}/${vendor} {codename} stable" > /etc/apt/sources.list.d/docker.list`,
    ].join(' && '),
    packages,
    versioned,
  }
}

/** The repository file names the key; packages are checked against it. */
export function dockerForDnf(vendor: 'fedora' | 'centos' | 'rhel'): EngineSource {
  return {
    from: 'Docker',
    setUp: `curl -fsSL -o /etc/yum.repos.d/docker-ce.repo ${site}/${vendor}/docker-ce.repo`,
    packages,
    versioned,
  }
}
