import { availableParallelism } from 'node:os'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

// Three projects: `unit` needs nothing and is quick; `e2e` drives the built programs and real engines in
// namespaces, two files for each core: they wait more than they work, and each has a network of its own. What fails for
// the load alone gets a second try, and scripts/second-tries.mjs names it and its first failure at the end of the run.
const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/*.test.ts', 'test/conformance/**/*.test.ts'],
          testTimeout: 60_000,
          // The second it is otherwise is what a busy machine may take to load a module.
          expect: { poll: { timeout: 30_000 } },
          // More than cores: many of these wait for engines to be missed, and so do the tests within some files.
          maxWorkers: 2 * availableParallelism(),
          maxConcurrency: 16,
          // Files of a worker share what they import: to load it for each anew takes longer than the tests.
          isolate: false,
          retry: 1,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.ts'],
          testTimeout: 180_000,
          expect: { poll: { timeout: 30_000 } },
          hookTimeout: 240_000,
          maxWorkers: Math.min(8, 2 * availableParallelism()),
          isolate: false,
          retry: 1,
        },
      },
      {
        // Virtual machines, which are emulated where there is no KVM: minutes each. `npm run test:vm`.
        test: {
          name: 'vm',
          include: ['test/vm/**/*.vm.ts'],
          testTimeout: 900_000,
          hookTimeout: 2_400_000,
          fileParallelism: false,
        },
      },
    ],
  },
})

export default config
