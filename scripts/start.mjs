// `npm start`: three Docker hosts on this machine, one endpoint over them, a Compose project running across them.
// Installs what is missing, builds, and hands over to `flotilla quickstart up`, which says what runs where.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { ensureBuilt } from './built.mjs'
import { checkNode, ensureNpmPackages, root } from './npm-packages.mjs'

checkNode()
const obstacle = whatIsInTheWay()
if (obstacle !== undefined) {
  console.error(obstacle)
  process.exit(1)
}
const { ensureSystemPackages } = await import('./system-packages.mjs')
ensureNpmPackages()
ensureSystemPackages('start')
ensureBuilt()
const result = spawnSync(
  process.execPath,
  [join(root, 'dist', 'bin', 'flotilla.cjs'), 'quickstart', 'up', ...process.argv.slice(2)],
  { stdio: 'inherit' },
)
process.exitCode = result.status ?? 1

/** Why hosts cannot be made here, and what to do instead. */
function whatIsInTheWay() {
  const instead =
    'What works without it: `npm run build`, then `dist/bin/docker-machine.cjs create --driver generic` for any host you reach over SSH,\n' +
    '`dist/bin/swarm.cjs manage` over engines that exist, and `dist/bin/docker-compose.cjs` with DOCKER_HOST set to any engine.'
  if (process.platform !== 'linux') {
    return `npm start makes Docker hosts out of Linux namespaces, and this is ${process.platform}: run it in a Linux virtual machine, as root.\n${instead}`
  }
  if (process.getuid?.() !== 0) {
    return `npm start makes Linux namespaces, bridges and mounts, which needs root: run \`sudo npm start\`.\n${instead}`
  }
  return undefined
}
