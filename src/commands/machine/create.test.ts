import { expect, it } from 'vitest'
import { checkEnginePairs } from './create.ts'

it.each([
  [{ 'engine-env': ['A=1', 'B='], 'engine-label': ['rack=r1', 'empty='] }, undefined],
  [{ 'engine-env': ['A'], 'engine-label': [] }, '--engine-env "A" is not of the form NAME=VALUE'],
  [{ 'engine-env': [], 'engine-label': ['rack=r1', 'ssd'] }, '--engine-label "ssd" is not of the form KEY=VALUE'],
  [{ 'engine-env': [], 'engine-label': ['=ssd'] }, '--engine-label "=ssd" is not of the form KEY=VALUE'],
])('what no engine starts with is refused before anything is made: %j', (flags, problem) => {
  const check = (): void => checkEnginePairs(flags)
  if (problem === undefined) expect(check).not.toThrow()
  else expect(check).toThrow(problem)
})
