import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CostReport } from '../../../shared/contracts/cost.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import type { EventDraft } from '../../../shared/contracts/record.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { readCosts } from '../../../shared/database/costs.ts'
import { appendEvent } from '../../../shared/database/events.ts'
import { plansOf } from '../../support/plans.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench
const [first, second] = [newId(), newId()]

beforeAll(async () => {
  bench = await openWorkbench()
  await call({ doc_ref: first, purpose: 'payroll' }, { micro_eur: 100, tokens_in: 50, tokens_cached: 20 })
  await call({ doc_ref: first, purpose: 'payroll' }, { micro_eur: 7 })
  await call({ doc_ref: second, purpose: 'invoices' }, { micro_eur: 30, processor: 'openai' })
  await call({ doc_ref: second, purpose: 'invoices' }, { micro_eur: null })
  const hits = [first, second].map((doc_ref) => ({ doc_ref, revision: 1, page: 1 }))
  await call({ purpose: 'question_answering', hits }, { micro_eur: 1_000 })
  // Nothing of it was answered, and of the other a part.
  await call({ doc_ref: first, purpose: 'payroll', result: 'failed' }, { micro_eur: null, tokens_in: null })
  await call({ doc_ref: first, purpose: 'payroll', result: 'failed' }, { micro_eur: 40, tokens_in: 4 })
})
afterAll(() => bench.close())

test.each([
  ['document', { [first]: 147, [second]: 30, null: 1_000 }],
  ['purpose', { payroll: 147, invoices: 30, question_answering: 1_000 }],
  ['processor', { mistral: 1_147, openai: 30 }],
] as const)('cut by %s, the groups add up to what all answered requests cost, the dearest first', async (by, expected) => {
  const report = await read({ by })
  expect(Object.fromEntries(report.groups.map(({ key, micro_eur }) => [String(key), micro_eur]))).toEqual(expected)
  expect(report.groups.map(({ micro_eur }) => micro_eur)).toEqual(report.groups.map(({ micro_eur }) => micro_eur).toSorted((a, b) => b - a))
  expect(sum(report.groups)).toBe(report.micro_eur)
  expect(sum(report.lines)).toBe(report.micro_eur)
  expect(report).toMatchObject({ tenant_id: bench.tenantId, micro_eur: 1_177, calls: 6, unpriced_calls: 1, by, groups_left_out: 0 })
})

test('cut by day, days are in order', async () => {
  const { groups } = await read({ by: 'day' })
  expect(groups).toEqual([expect.objectContaining({ key: new Date().toISOString().slice(0, 10), micro_eur: 1_177 })])
})

test('what was read from a cache is counted apart', async () => {
  const { groups } = await read({ by: 'purpose' })
  expect(groups.find(({ key }) => key === 'payroll')).toMatchObject({ tokens_in: 59, tokens_cached: 20 })
})

test('of one document, calls that contained it count, those with others included', async () => {
  expect(await read({ documentId: second })).toMatchObject({ micro_eur: 1_030, calls: 3, document_id: second, groups: [] })
})

test('nothing of another tenant is counted', async () => {
  const other = await bench.tenants.create('other')
  const filter = { tenantId: other, from: null, to: null, documentId: first, by: null }
  expect(await withTenant(bench.database, other, (tx) => readCosts(tx, filter))).toMatchObject({ micro_eur: 0, calls: 0, lines: [] })
})

test('of a period, its answered calls are found by their index, and no other event’s text is read', async () => {
  await bench.query('VACUUM ANALYZE greffier.events')
  const filter = {
    tenantId: bench.tenantId,
    from: '2026-03-01T00:00:00.000Z',
    to: '2027-03-01T00:00:00.000Z',
    documentId: null,
    by: 'day',
  } as const
  const plans = await plansOf(bench, (tx) => readCosts(tx, filter))
  expect(plans).toHaveLength(2)
  for (const plan of plans) expect(plan).toMatch(/events_answered.*\n *Index Cond: .*occurred_at >= .*occurred_at < /)
})

test('a call belongs to the period in which it ended: the first moment to it, the last no more', async () => {
  const [{ time = '' } = {}] = await bench.query<{ time: string }>(
    `SELECT body::jsonb->>'time' AS time FROM greffier.events WHERE closes IS NOT NULL ORDER BY seq LIMIT 1`,
  )
  const next = new Date(Date.parse(time) + 1).toISOString()
  const all = 1_177
  expect((await read({ from: time })).micro_eur).toBe(all)
  expect((await read({ from: next })).micro_eur + (await read({ from: time, to: next })).micro_eur).toBe(all)
  expect((await read({ to: time })).micro_eur).toBe(0)
})

function sum(of: readonly { micro_eur: number }[]): number {
  return of.reduce((total, { micro_eur }) => total + micro_eur, 0)
}

function read(filter: Partial<Parameters<typeof readCosts>[1]>): Promise<CostReport> {
  const { tenantId } = bench
  return bench.tenant((tx) => readCosts(tx, { tenantId, from: null, to: null, documentId: null, by: null, ...filter }))
}

/** An intent and its completion, as the gateway writes them. */
async function call(
  draft: Partial<EventDraft>,
  {
    micro_eur,
    processor = 'mistral',
    tokens_in = 5,
    tokens_cached = 0,
  }: { micro_eur: number | null; processor?: string; tokens_in?: number | null; tokens_cached?: number },
): Promise<void> {
  const cost =
    micro_eur === null
      ? null
      : { micro_eur, currency: 'EUR', rate_micro_eur: 1_000_000, price_read_on: '2026-11-26', rate_read_on: '2026-11-26' }
  const event: EventDraft = {
    operation: 'Infer',
    step: 'enrich',
    phase: 'intent',
    recipient: { processor, endpoint: 'https://model.example', region: 'eu', register_hash: 'h', subprocessor_set_hash: null },
    model: {
      task: 'extract',
      requested: 'm',
      returned: null,
      language_model: true,
      tokens_in,
      tokens_cached,
      tokens_out: 1,
      provider_request_id: null,
      schema_hash: null,
      prompt_hmac: null,
      cost,
    },
    ...draft,
    result: null,
  }
  const intent = await bench.tenant((tx) => appendEvent(tx, bench.tenantId, event))
  await bench.tenant((tx) => appendEvent(tx, bench.tenantId, { ...event, phase: 'completed', result: draft.result ?? 'ok' }, intent))
}
