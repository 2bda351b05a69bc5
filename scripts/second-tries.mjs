// A reporter for vitest: names the tests that passed only on their second try, so that none of them stays unseen.

export default class SecondTries {
  /** @type {string[]} */
  #names = []

  /** @param {import('vitest/node').TestCase} test */
  onTestCaseResult(test) {
    if (test.diagnostic()?.flaky === true) this.#names.push(`${test.module.relativeModuleId} > ${test.fullName}`)
  }

  onTestRunEnd() {
    if (this.#names.length === 0) return
    console.log(`\n${this.#names.length} passed only on the second try:`)
    for (const name of this.#names) console.log(`  ${name}`)
  }
}
