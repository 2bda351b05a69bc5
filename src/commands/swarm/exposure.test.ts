import { expect, it } from 'vitest'
import { parseListenAddress } from '../../cluster/api/listen.ts'
import { describeExposure } from './exposure.ts'

const pair = { cert: '', key: '' }

it.each([
  ['127.0.0.1:2375 unix:///run/x.sock [::1]:1 localhost:2', undefined, undefined],
  [':2376', { ...pair, clientCa: '' }, undefined],
  [':2375', undefined, 'tcp://:2375'],
  ['10.0.0.1:2375 127.0.0.1:1 [::]:2', pair, 'tcp://10.0.0.1:2375, tcp://[::]:2'],
])('%s with %j is open at %s', (listen, tls, where) => {
  const said = describeExposure(listen.split(' ').map(parseListenAddress), tls)
  expect(said).toBe(
    where === undefined
      ? undefined
      : `Whoever reaches ${where} controls every engine of this cluster: no client certificate is asked for; use --tlsverify`,
  )
})

it('with rules of access only tokens in the clear are a danger', () => {
  const listen = ['10.0.0.1:2375', '127.0.0.1:1'].map(parseListenAddress)
  expect(describeExposure(listen, pair, true)).toBeUndefined()
  expect(describeExposure(listen, undefined, true)).toBe(
    'Tokens that are sent to tcp://10.0.0.1:2375 can be read on their way there: use --tls or --tlsverify',
  )
  expect(describeExposure(listen.slice(1), undefined, true)).toBeUndefined()
})
