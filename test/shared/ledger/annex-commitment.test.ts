import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { NODE_PRIMITIVES } from '../../../shared/blobs/hashing.ts'
import type { ProcessingEvent, SaltedAnnex } from '../../../shared/contracts/record.ts'
import { annexCommitment, checkAnnex } from '../../../shared/ledger/annex-commitment.ts'
import { FULL_EVENT } from '../../support/full-event.ts'

const ID = FULL_EVENT.doc_ref ?? ''
const OTHER = '01a21a29-c015-7127-9260-18a3345d83d6'
const SALT = '0f'.repeat(32)
const ANNEX = {
  file_name: 'Kündigung.pdf',
  metadata: { street: 'Mandragorenweg 3', case: 'H-1' },
  uploaded_by: { key_id: '01a21a29-c0a9-7082-9604-fe67d4228a40', name: 'Ada' },
  salt: SALT,
}
/** By hand, so that a change of the format is seen: the members in the order of RFC 8785, without white space. */
const TEXT =
  '{"file_name":"Kündigung.pdf","metadata":{"case":"H-1","street":"Mandragorenweg 3"},"uploaded_by":{"key_id":"01a21a29-c0a9-7082-9604-fe67d4228a40","name":"Ada"}}'
const COMMIT = createHash('sha256').update(Buffer.from(SALT, 'hex')).update(TEXT).digest('hex')

const event = (said: Partial<ProcessingEvent>): ProcessingEvent => ({ ...FULL_EVENT, annex_commit: null, ...said })
const UPLOAD = event({ annex_commit: COMMIT })
const check = (annex: SaltedAnnex, ...events: ProcessingEvent[]) => checkAnnex(ID, annex, events)

test('the commitment is SHA-256 over the bytes of the salt and the canonical JSON of the rest, by whichever code', () => {
  expect(annexCommitment(ANNEX)).toBe(COMMIT)
  expect(annexCommitment(ANNEX, NODE_PRIMITIVES.sha256)).toBe(COMMIT)
})

test('what an event committed to is told of any other annex, in whichever member it differs', () => {
  const committed = { state: 'committed', event_id: UPLOAD.event_id }
  expect(check(ANNEX, UPLOAD)).toEqual(committed)
  const { case: number, street } = ANNEX.metadata
  expect(check({ ...ANNEX, metadata: { case: number, street } }, UPLOAD)).toEqual(committed)
  const others: Partial<SaltedAnnex>[] = [
    { file_name: 'Kundigung.pdf' },
    { file_name: null },
    { metadata: { street } },
    { metadata: { ...ANNEX.metadata, case: 'H-2' } },
    { metadata: { ...ANNEX.metadata, more: '' } },
    { uploaded_by: { ...ANNEX.uploaded_by, name: 'Ben' } },
    { uploaded_by: { ...ANNEX.uploaded_by, name: null } },
    { uploaded_by: { ...ANNEX.uploaded_by, key_id: OTHER } },
    { uploaded_by: null },
    { salt: 'f0'.repeat(32) },
    { salt: null },
    { file_name: '\ud800' },
  ]
  for (const other of others) expect(check({ ...ANNEX, ...other }, UPLOAD)).toEqual({ ...committed, state: 'differs' })
})

describe('of several events', () => {
  const later = event({ event_id: '01a21a29-bfa9-702e-883e-5c9033892379', annex_commit: 'ab'.repeat(32) })

  test('the newest that wrote an annex counts, whichever way they came', () => {
    expect(later.event_id > UPLOAD.event_id).toBe(true)
    for (const events of [
      [UPLOAD, later],
      [later, UPLOAD],
    ])
      expect(check(ANNEX, ...events)).toEqual({ state: 'differs', event_id: later.event_id })
  })

  test('those that wrote none, and those of other documents, say nothing of it', () => {
    const read = event({ event_id: later.event_id })
    expect(check(ANNEX, UPLOAD, read, { ...later, doc_ref: OTHER })).toEqual({ state: 'committed', event_id: UPLOAD.event_id })
    expect(check(ANNEX, read, { ...UPLOAD, doc_ref: OTHER })).toEqual({ state: 'unknown' })
    expect(check(ANNEX)).toEqual({ state: 'unknown' })
  })
})
