// A reporter for vitest: names the tests that passed only on their second try and says why the first one failed, so that
// none of them stays unseen.

export default class SecondTries {
  /** @type {string[]} */
  #lines = []

  /** @param {import('vitest/node').TestCase} test */
  onTestCaseResult(test) {
    if (test.diagnostic()?.flaky !== true) return
    this.#lines.push(`${test.module.relativeModuleId} > ${test.fullName}`)
    const [first] = test.result().errors ?? []
    if (first !== undefined)
      this.#lines.push(
        ...first.message
          .split('\n')
          .slice(0, 12)
          .map((line) => `    ${line}`),
      )
  }

  onTestRunEnd() {
    if (this.#lines.length === 0) return
    console.log('\npassed only on the second try:')
    for (const line of this.#lines) console.log(`  ${line}`)
  }
}
