// `npm test`: installs what the tests need, builds the programs, runs every test and closes with
// `N passed, N failed, N skipped`. Arguments go to vitest: `npm test -- --project unit src/compose`.
// `--vm` (`npm run test:vm`) runs the tests on virtual machines instead; `--with-cached-vm` runs them after all others,
// where the image they need has been built before.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import process from 'node:process'
import { ensureBuilt } from './built.mjs'
import { ensureNpmPackages, root } from './npm-packages.mjs'
import { ensureSystemPackages } from './system-packages.mjs'

const own = ['--vm', '--with-cached-vm']
const given = process.argv.slice(2).filter((word) => !own.includes(word))
const isVm = process.argv.includes('--vm')
const isVmToo = process.argv.includes('--with-cached-vm')

if (given.includes('--help') || given.includes('-h')) {
  console.log(`npm test                                    everything: unit tests, then real engines and the built programs
npm test -- --project unit src/compose      the unit tests below a folder
npm test -- --project e2e test/e2e/X.e2e.ts one end-to-end file
npm run test:vm                             the tests on virtual machines
What follows \`--\` goes to vitest: \`npx vitest --help\`.`)
  process.exit(0)
}

ensureNpmPackages()
ensureSystemPackages(isVm ? 'vm' : 'test')
ensureBuilt({ executable: true })

// Unit tests first and on their own: they are quick, and a broken unit makes the long half pointless to read.
const all = [['--project', 'unit'], ['--project', 'e2e'], ...(isVmToo ? [['--project', 'vm']] : [])]
const runs = isVm ? [['--project', 'vm', ...given]] : given.length > 0 ? [given] : all
const wantsTrees = runs === all && process.getuid?.() === 0
const trees = wantsTrees && spawn(process.execPath, [join(root, 'scripts', 'engine-trees.mjs')], { stdio: 'ignore' })
const reports = join(root, '.cache', 'test-reports')
mkdirSync(reports, { recursive: true })

const total = { passed: 0, failed: 0, skipped: 0 }
/** @type {string[]} */
const failures = []
let isGood = true
for (const [index, args] of runs.entries()) {
  const report = join(reports, `${index}.json`)
  rmSync(report, { force: true })
  const result = spawnSync(
    join(root, 'node_modules', '.bin', 'vitest'),
    [
      'run',
      ...args,
      '--reporter=default',
      `--reporter=${join(root, 'scripts', 'second-tries.mjs')}`,
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: isVmToo ? { ...process.env, FLOTILLA_TEST_VM: 'cached' } : process.env,
    },
  )
  if (result.status !== 0) isGood = false
  count(report, result.status)
}
if (trees !== false) trees.kill()
// Once more at the very end: of a long log people often have the end alone.
for (const failure of failures) console.log(failure)
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = isGood && total.failed === 0 ? 0 : 1

/** Adds one report to the totals; a file that could not even be loaded counts as one failure. */
function count(report, status) {
  let data
  try {
    data = JSON.parse(readFileSync(report, 'utf8'))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    console.error(existsSync(report) ? `no test report: ${reason}` : 'vitest ran no test: the lines above say why')
    total.failed += 1
    return
  }
  total.passed += data.numPassedTests
  total.skipped += data.numPendingTests + data.numTodoTests
  const unloaded = data.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  )
  total.failed += data.numFailedTests + unloaded.length
  for (const file of data.testResults) {
    const name = relative(root, file.name)
    for (const test of file.assertionResults.filter((each) => each.status === 'failed')) {
      failures.push(`failed: ${name} > ${test.fullName}\n${indent(test.failureMessages.join('\n'))}`)
    }
  }
  for (const file of unloaded) failures.push(`failed: ${relative(root, file.name)}\n${indent(file.message)}`)
  if (status !== 0 && data.numFailedTests + unloaded.length === 0) total.failed += 1
}

/** The first lines of a failure, set off from its name. */
function indent(text) {
  const lines = text.split('\n').slice(0, 12)
  return lines.map((line) => `    ${line}`).join('\n')
}
