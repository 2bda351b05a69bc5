import { expect, it } from 'vitest'
import { parseListenAddress } from '../../cluster/api/listen.ts'
import { issueCertificate, makeCa } from '../../io/certificates.ts'
import type { LeafWanted } from '../../io/certificates.ts'
import { describeExposure, describeUnfitness } from './exposure.ts'

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

it('a certificate that clients or engines will refuse is told of at the start', async () => {
  const about = { organization: 'x', keyKind: 'ecdsa', nowMs: Date.now(), days: 1 } as const
  const ca = await makeCa({ ...about, commonName: 'ca' })
  const describe = async (
    address: string,
    usages: LeafWanted['usages'],
    names: readonly string[],
  ): Promise<string | undefined> => {
    const leaf = await issueCertificate(ca, { ...about, commonName: 'manager', usages, names })
    return describeUnfitness([parseListenAddress(address)], leaf)
  }
  expect(await describe(':2376', ['server', 'client'], ['192.0.2.1'])).toBeUndefined()
  expect(await describe('unix:///x', ['client'], [])).toBeUndefined()
  expect(await describe(':2376', ['client'], [])).toBe(
    'The certificate of --tlscert will not do: it names no host (subjectAltName), so that clients refuse it; it is none of a server (serverAuth), so that clients refuse it',
  )
  expect(await describe(':2376', ['server'], ['manager'])).toBe(
    'The certificate of --tlscert will not do: it is none of a client (clientAuth), so that engines refuse it',
  )
  // Certificates without purposes are good for all.
  expect(describeUnfitness([parseListenAddress('unix:///x')], ca)).toBeUndefined()
  expect(describeUnfitness([parseListenAddress(':1')], undefined)).toBeUndefined()
})
