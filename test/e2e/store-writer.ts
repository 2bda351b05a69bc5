import process from 'node:process'
import { systemClock } from '../../src/io/clock.ts'
import { fileStore } from '../../src/machine/store-files.ts'

// Run by machine-store.e2e.ts as a program of its own, to be killed in the middle of a save.
const store = fileStore(process.argv[2] ?? '', systemClock)
const host = await store.load('victim')
process.stdout.write('saving\n')
for (let round = 1; ; round += 1) {
  // Texts of very different length: half a file would show.
  const filler = String(round).repeat(1 + ((round * 7919) % 20_000))
  await store.save({ ...host, driver: { ...host.driver, Round: round, Filler: filler, Check: filler.length } })
}
