import { basename } from 'node:path'
import process from 'node:process'
import { keepManagersHeapSmall } from './small-heap.ts'

// The single-file executable: all programs in one, told apart by the name they are called by.
const programs: Readonly<Record<string, () => Promise<unknown>>> = {
  'docker-machine': () => import('./docker-machine.ts'),
  'docker-compose': () => import('./docker-compose.ts'),
  swarm: () => import('./swarm.ts'),
}

keepManagersHeapSmall(process)
const name = basename(process.argv0).replace(/\.exe$/i, '')
void (programs[name] ?? (() => import('./flotilla.ts')))()
