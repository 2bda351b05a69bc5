import { expect, it } from 'vitest'
import { renderLabels } from './labels.ts'

it('labels are written in the order of their keys, whatever they are called', () => {
  const labels = new Map([
    ['b', '2'],
    ['__proto__', 'x=y'],
    ['flag', ''],
  ])
  expect(renderLabels(labels)).toBe('__proto__=x=y,b=2,flag=')
})
