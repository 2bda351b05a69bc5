/** Labels of the Compose convention (docker/compose pkg/api/labels.go). Wire constants. */
export const LABEL = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  number: 'com.docker.compose.container-number',
  oneOff: 'com.docker.compose.oneoff',
  slug: 'com.docker.compose.slug',
  configHash: 'com.docker.compose.config-hash',
  image: 'com.docker.compose.image',
  imageBuilder: 'com.docker.compose.image.builder',
  dependsOn: 'com.docker.compose.depends_on',
  workingDir: 'com.docker.compose.project.working_dir',
  configFiles: 'com.docker.compose.project.config_files',
  environmentFile: 'com.docker.compose.project.environment_file',
  version: 'com.docker.compose.version',
  replace: 'com.docker.compose.replace',
  network: 'com.docker.compose.network',
  volume: 'com.docker.compose.volume',
} as const

/** Our own label on containers: fingerprints of the configs and secrets in it. It takes no part in the hash. */
export const FILES_LABEL = 'flotilla.compose.files'

/** Our own label on a container that was made beside the one it replaces: the ID of that one. No part of the hash. */
export const PREDECESSOR_LABEL = 'flotilla.compose.predecessor'

/** The version label's value: the release of the reference program whose behaviour we keep. */
export const COMPOSE_VERSION = '2.40.3'
