// Which benchmarks there are, and which of them a command line means. Nothing imported: asked before anything is built.

/**
 * Files of benchmarks whose name contains one of the words; all of them without words.
 * @param {readonly string[]} files names in test/bench @param {readonly string[]} words
 */
export function chooseBenchmarks(files, words) {
  return files
    .filter((file) => file.endsWith('.bench.ts'))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .sort()
}

/** The answer to words that mean none, and to a call for help. @param {readonly string[]} files names in test/bench */
export function listBenchmarks(files) {
  return `there are: ${chooseBenchmarks(files, [])
    .map((file) => file.replace('.bench.ts', ''))
    .join(' ')}`
}
