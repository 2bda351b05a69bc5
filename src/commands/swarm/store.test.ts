import { describe, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { tellTls } from './store.ts'

function told(address: string, options: Readonly<Record<string, string>>, hasTls = false): readonly string[] {
  const lines: string[] = []
  const log = {
    ...silentLog,
    info: (message: string) => void lines.push(`info ${message}`),
    warn: (message: string) => void lines.push(`warn ${message}`),
  }
  const tls = hasTls ? { ca: 'a', cert: 'b', key: 'c' } : undefined
  tellTls(address, tls, { log, options: new Map(Object.entries(options)) })
  return lines
}

describe('what is said of the way to a store', () => {
  it('is whether TLS is spoken, for stores only', () => {
    expect(told('etcd://a:1/x', {})).toEqual(['info Initializing discovery without TLS'])
    expect(told('consul://a:1', {}, true)).toEqual(['info Initializing discovery with TLS'])
    expect(told('nodes://a:1', { 'kv.cacertfile': 'ca.pem' })).toEqual([])
  })

  it('is a warning where some of the files for TLS are named, but not all: it is not spoken then', () => {
    expect(told('zk://a:1', { 'kv.cacertfile': 'ca.pem', 'kv.keyfile': 'key.pem' })).toEqual([
      'info Initializing discovery without TLS',
      'warn the store is spoken to without TLS: kv.certfile is missing, and kv.cacertfile, kv.certfile and kv.keyfile count only together',
    ])
    expect(told('etcd://a:1', { 'kv.certfile': 'c' })[1]).toContain('kv.cacertfile and kv.keyfile are missing')
  })
})
