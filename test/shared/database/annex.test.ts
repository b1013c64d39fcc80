import { expect, test } from 'vitest'
import { newKey, seal } from '../../../shared/blobs/keys.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import { openAnnex, sealAnnex } from '../../../shared/database/annex.ts'
import { annexCommitment } from '../../../shared/ledger/annex-commitment.ts'

const keys = { column: newKey(), commitment: newKey() }
const id = newId()
const ANNEX = { file_name: 'letter.txt', metadata: { case: 'H-1' }, uploaded_by: { key_id: newId(), name: 'Ada' } }

test('an annex opens as what its commitment is over, each under a salt of its own that only its key shows', () => {
  const [one, two] = [sealAnnex(keys, id, ANNEX), sealAnnex(keys, id, ANNEX)]
  const opened = openAnnex(keys, { id, sealed_annex: one.sealed })
  expect(opened).toEqual({ ...ANNEX, salt: expect.stringMatching(/^[0-9a-f]{64}$/) })
  expect(annexCommitment({ ...opened, salt: opened.salt ?? '' })).toBe(one.commit)
  expect(two.commit).not.toBe(one.commit)
  for (const salt of [Buffer.from(opened.salt ?? ''), Buffer.from(opened.salt ?? '', 'hex')]) expect(one.sealed.includes(salt)).toBe(false)
})

test('as much metadata as an upload may bring has a commitment, whatever its characters', () => {
  const metadata = Object.fromEntries(Array.from({ length: 32 }, (_, at) => [`${at}`.padStart(64, '\u0001'), '\u0001'.repeat(1_024)]))
  expect(sealAnnex(keys, id, { ...ANNEX, file_name: '\u0001'.repeat(255), metadata }).commit).toMatch(/^[0-9a-f]{64}$/)
})

test.each([
  ['names its key alone', { uploaded_by: ANNEX.uploaded_by.key_id }, { uploaded_by: { key_id: ANNEX.uploaded_by.key_id, name: null } }],
  ['names no key', {}, { uploaded_by: null }],
])('an older annex, which %s, opens without a salt', (_what, kept, shown) => {
  const { file_name, metadata } = ANNEX
  const sealed_annex = seal(keys.column, JSON.stringify({ file_name, metadata, ...kept }), `${id}/annex`)
  expect(openAnnex(keys, { id, sealed_annex })).toEqual({ file_name, metadata, salt: null, ...shown })
})
