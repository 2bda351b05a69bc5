import { expect, it } from 'vitest'
import { renderVariables } from './config-variables.ts'

const tree = (isAsked: boolean): Parameters<typeof renderVariables>[0] => ({
  'x-interpolate-keys': isAsked,
  services: { web: { image: 'x:${TAG:-1}', labels: { '${ROUTER:?}': 'y' } } },
})

it('variables in keys are listed where they count', () => {
  const names = (text: string): readonly string[] => [...text.matchAll(/^[A-Z]+(?= {2,}(?:true|false))/gm)].map(String)
  expect(names(renderVariables(tree(true)))).toEqual(['ROUTER', 'TAG'])
  expect(names(renderVariables(tree(false)))).toEqual(['TAG'])
})
