import { expect, it } from 'vitest'
import type { Log } from '../core/log.ts'
import { hostLog } from './host-log.ts'

it('each line has the name of its machine once, however many commands it passes through', () => {
  const lines: string[] = []
  const write = (message: string): void => void lines.push(message)
  const outer: Log = { debug: write, info: write, warn: write, error: write }
  const inner = hostLog(hostLog(outer, 'web'), 'web')
  inner.info('Starting host...')
  inner.debug('asking')
  hostLog(outer, 'web').error('(db) is another')
  expect(lines).toEqual(['(web) Starting host...', '(web) DBG | asking', '(web) (db) is another'])
})
