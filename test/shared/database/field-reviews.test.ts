import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ReadField, ReviewOutcome } from '../../../shared/contracts/extraction.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import { type RevisionKey, replaceFields } from '../../../shared/database/content.ts'
import { addFieldReview, readCorrections, readReviewedFields } from '../../../shared/database/field-reviews.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

const read = (value: string): ReadField => ({
  value,
  status: 'verified',
  evidence: [{ page: 1, start: 0, end: value.length, quote: value }],
  checks: [],
})

const keysOf = async ({ tenant_id, document_id }: RevisionKey) =>
  bench.vault.keys({ tenantKey: (await bench.tenants.keys(tenant_id)).documents, tenantId: tenant_id, documentId: document_id })

/** A document that reads `before` as its title, and what a person made of that. */
async function reviewed(before: string, outcome: ReviewOutcome, value: string): Promise<RevisionKey> {
  const key = await bench.upload()
  const keys = await keysOf(key)
  await bench.tenant(async (tx) => {
    await replaceFields(tx, key, keys, { title: read(before) })
    const review = { ...key, id: newId(), name: 'title', outcome, reviewed_by: newId(), event_id: newId() }
    await addFieldReview(tx, keys, review, { value, replaced: before, read: read(before), reason: null, salt: '', commit: '' })
  })
  return key
}

async function readAgainAs(key: RevisionKey, value: string) {
  const keys = await keysOf(key)
  return bench.tenant(async (tx) => {
    await replaceFields(tx, key, keys, { title: read(value) })
    return { title: (await readReviewedFields(tx, key, keys)).title?.field, corrections: await readCorrections(tx, key, keys) }
  })
}

test('a correction holds when the document reads otherwise since, and says that somebody should look again', async () => {
  const key = await reviewed('Leter', 'corrected', 'Letter')
  expect((await readAgainAs(key, 'Leter')).title).toMatchObject({ value: 'Letter', status: 'corrected', review: { outdated: false } })
  const { title, corrections } = await readAgainAs(key, 'Lettuce')
  expect(title).toMatchObject({ value: 'Letter', status: 'corrected', review: { outdated: true } })
  expect(corrections).toMatchObject([{ value: 'Letter', evidence: [{ quote: 'Lettuce' }] }])
})

test('a document that reads as the correction says states nothing otherwise any more', async () => {
  const { title, corrections } = await readAgainAs(await reviewed('Leter', 'corrected', 'Letter'), 'Letter')
  expect(title).toMatchObject({ value: 'Letter', review: { outdated: false } })
  expect(corrections).toEqual([])
})

test('what was confirmed is the value that was looked at, and no other one', async () => {
  const key = await reviewed('Letter', 'confirmed', 'Letter')
  expect((await readAgainAs(key, 'Letter')).title?.review).toMatchObject({ outcome: 'confirmed', outdated: false })
  expect((await readAgainAs(key, 'Lettuce')).title).toMatchObject({ value: 'Lettuce', review: { outcome: 'confirmed', outdated: true } })
})

test('a review that is moved to another document no longer opens', async () => {
  const [one, other] = [await reviewed('A', 'corrected', 'B'), await bench.upload()]
  await bench.query('UPDATE greffier.field_reviews SET document_id = $1 WHERE document_id = $2', [other.document_id, one.document_id])
  const keys = await keysOf(other)
  await expect(bench.tenant((tx) => readReviewedFields(tx, other, keys))).rejects.toMatchObject({ code: 'DECRYPTION_FAILED' })
})
