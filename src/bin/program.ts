import { basename } from 'node:path'
import process from 'node:process'

// The single-file executable: all programs in one, told apart by the name they are called by.
const programs: Readonly<Record<string, () => Promise<unknown>>> = {
  'docker-machine': () => import('./docker-machine.ts'),
  'docker-compose': () => import('./docker-compose.ts'),
  swarm: () => import('./swarm.ts'),
}

const name = basename(process.argv0).replace(/\.exe$/i, '')
void (programs[name] ?? (() => import('./flotilla.ts')))()
