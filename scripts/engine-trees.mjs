// Builds the trees of other engines that the end-to-end tests want, one after the other, where they are not cached yet.
// `npm test` starts it beside the unit tests, which wait more than they work; a test that comes to want one meanwhile
// waits for it. What fails here is tried again by the tests, which tell why.
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'
import { root } from './npm-packages.mjs'

const folder = join(root, '.cache', 'engine-trees')
const bundle = await rolldown({
  input: {
    tree: join(root, 'src/machine/debian/engine-tree.ts'),
    clock: join(root, 'src/io/clock.ts'),
    log: join(root, 'src/core/log.ts'),
  },
  platform: 'node',
  external: [/^node:/],
  logLevel: 'silent',
})
await bundle.write({ dir: folder, format: 'esm', entryFileNames: '[name].mjs', chunkFileNames: 'chunk-[hash].mjs' })
await bundle.close()

/** @param {string} name */
const load = (name) => import(pathToFileURL(join(folder, `${name}.mjs`)).href)
const [{ resolveEngineRoot }, { systemClock }, { silentLog }] = await Promise.all(['tree', 'clock', 'log'].map(load))

// In the order in which most tests want them.
const wishes = [{ engine: '28.5' }, { engine: 'host', hasSystemd: true }, { engine: '26.1' }]
for (const { engine, hasSystemd = false } of wishes) {
  const options = { clock: systemClock, log: silentLog, env: process.env, hasSystemd }
  await resolveEngineRoot(engine, options).catch(() => {})
}
