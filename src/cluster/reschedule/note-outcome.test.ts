import { describe, expect, it } from 'vitest'
import type { AuditFields } from '../audit/line.ts'
import { noteOutcome } from './note-outcome.ts'
import type { ContainerRecord, MoveKind } from './record.ts'
import type { Outcome } from './relocate.ts'

const home = { engineId: 'e1', addr: 'a1', node: 'n1', containerId: 'c1' }
const there = { engineId: 'e2', addr: 'a2', node: 'n2', containerId: 'c2' }

function note(kind: MoveKind, outcome: Outcome, now?: typeof home, known?: string): readonly AuditFields[] {
  const noted: AuditFields[] = []
  const record = { name: 'web', home, move: { kind } } as unknown as ContainerRecord
  noteOutcome({ note: (what, fields) => noted.push({ what, ...fields }) }, record, outcome, now, known)
  return noted
}

const about = { name: 'web', container: 'c1', from: 'n1' }

describe('what the audit log is told of a move', () => {
  it('is where the container is now, and why it moved', () => {
    expect(note('failure', { kind: 'done' }, there)).toEqual([{ what: 'reschedule', ...about, node: 'n2', id: 'c2' }])
    expect(note('drain', { kind: 'done' }, there)).toMatchObject([{ what: 'drain' }])
    expect(note('rebalance', { kind: 'done' }, there)).toMatchObject([{ what: 'rebalance' }])
  })

  it('is nothing where nothing was made', () => {
    expect(note('failure', { kind: 'done' }, home)).toEqual([])
    expect(note('failure', { kind: 'done' })).toEqual([])
    expect(note('failure', { kind: 'abandoned' }, there)).toEqual([])
  })

  it('is why not, once for the same reason', () => {
    const later = { kind: 'later', why: 'no room', isPaced: false } as const
    expect(note('drain', later, home)).toEqual([{ what: 'drain', ...about, error: 'no room' }])
    expect(note('drain', later, home, 'no room')).toEqual([])
    expect(note('drain', { ...later, isPaced: true }, home)).toEqual([])
  })
})
