import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSequencer } from '../../../services/compliance/ledger/sequencer.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import type { EventDraft } from '../../../shared/contracts/record.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { appendEvent } from '../../../shared/database/events.ts'
import { sequenceEvents } from '../../../shared/database/ledger.ts'
import { readObservations, readOverruns, rollUpRegister } from '../../../shared/database/register.ts'
import { Activity } from '../../../shared/policy/activities.ts'
import { createLog } from '../../../shared/runtime/log.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

const ALWAYS = { from: null, to: null }
const CALL = {
  operation: 'Infer',
  step: 'enrich',
  recipient: { processor: 'mistral', endpoint: 'https://m.example', region: 'eu', register_hash: 'r', subprocessor_set_hash: null },
  transfer: { country: 'US unknown', importer: 'M', mechanism: 'scc_46' },
} as const satisfies Partial<EventDraft>

/** A tenant of its own, so that a test counts what it wrote and nothing else. */
async function tenant() {
  const tenantId = await bench.tenants.create('one')
  const keys = await bench.tenants.keys(tenantId)
  const append = (draft: EventDraft, closes: string | null = null) =>
    withTenant(bench.database, tenantId, (tx) => appendEvent(tx, tenantId, draft, closes))
  return {
    tenantId,
    append,
    call: async (draft: Partial<EventDraft>, phase: 'completed' | 'refused' | 'outcome_unknown' | 'open' = 'completed') => {
      const intent = await append({ ...CALL, ...draft, phase: 'intent' })
      if (phase !== 'open') await append({ ...CALL, ...draft, phase }, intent)
    },
    sequence: () => withTenant(bench.database, tenantId, (tx) => sequenceEvents(tx, tenantId, keys)),
    rollUp: (max?: number) => withTenant(bench.database, tenantId, (tx) => rollUpRegister(tx, tenantId, max)),
    seen: async (period: { from: string | null; to: string | null } = ALWAYS) => {
      const rows = await withTenant(bench.database, tenantId, (tx) => readObservations(tx, tenantId, period))
      return Object.fromEntries(rows.map(({ purpose, kind, name, events }) => [`${purpose}/${kind}/${name}`, events]))
    },
  }
}

test('each event counts once, whether it is in the queue, in the log or in the roll-up, and however often and in whatever pieces it is rolled up', async () => {
  const one = await tenant()
  for (let at = 0; at < 7; at++)
    await one.append({
      operation: 'Analyse',
      step: 'extract',
      phase: 'completed',
      doc_ref: newId(),
      purpose: 'a',
      data_categories: ['contact'],
    })
  const whole = await one.seen()
  expect(whole).toMatchObject({ 'a/event/': 7, 'a/data_category/contact': 7 })
  await one.sequence()
  expect(await one.seen()).toEqual(whole)
  expect(await one.rollUp(3)).toBe(3)
  expect(await one.seen()).toEqual(whole)
  const taken = await Promise.all([one.rollUp(), one.rollUp(), one.rollUp()])
  expect(taken.reduce((sum, count) => sum + count, 0)).toBe(4)
  expect(await one.rollUp()).toBe(0)
  expect(await one.seen()).toEqual(whole)
  await one.append({ operation: 'Analyse', step: 'extract', phase: 'completed', doc_ref: newId(), purpose: 'a' })
  expect(await one.seen()).toEqual({ ...whole, 'a/event/': 8, 'a/role/controller': 8 })
})

test('the sequencer brings the roll-up along with the log', async () => {
  const one = await tenant()
  await one.append({ operation: 'Analyse', step: 'extract', phase: 'completed', doc_ref: newId(), purpose: 'a' })
  await createSequencer({ database: bench.database, tenants: bench.tenants, log: createLog('silent', 'test') })()
  const rolled = await bench.query<{ leaves: string; size: string }>(
    'SELECT leaves, size FROM greffier.register_cursors JOIN greffier.ledger_logs USING (tenant_id) WHERE tenant_id = $1',
    [one.tenantId],
  )
  expect(rolled).toEqual([{ leaves: '1', size: '1' }])
  expect(await one.seen()).toMatchObject({ 'a/event/': 1 })
})

test('a recipient was handed what was sent or may have been sent, and nothing of what was refused', async () => {
  const one = await tenant()
  const doc = { doc_ref: newId(), purpose: 'a' }
  await one.call(doc)
  await one.call(doc, 'outcome_unknown')
  await one.call({ ...doc, recipient: { ...CALL.recipient, processor: 'refused' } }, 'refused')
  await one.append({ ...CALL, ...doc, recipient: { ...CALL.recipient, processor: 'refused' }, phase: 'refused' })
  const seen = await one.seen()
  expect(seen).toMatchObject({ 'a/call/': 2, 'a/recipient/mistral': 2, 'a/region/mistral eu': 2, 'a/refused/refused': 2 })
  expect(seen).toMatchObject({ 'a/country/US scc_46 mistral': 2, 'a/country/unknown scc_46 mistral': 2, 'a/masking/unmasked': 2 })
  expect(Object.keys(seen)).not.toContain('a/recipient/refused')
})

test('an answer counts for the purpose of each document that it used, also of an erased one', async () => {
  const one = await tenant()
  const upload = (purpose: string) => bench.upload({ tenantId: one.tenantId, options: { purpose } })
  const [letter, bill] = [await upload('letters'), await upload('bills')]
  await bench.query(`UPDATE greffier.documents SET status = 'erased', erased_at = now() WHERE id = $1`, [bill.document_id])
  const hits = [letter, bill, letter].map(({ document_id }) => ({ doc_ref: document_id, revision: 1, page: 1 }))
  await one.call({ purpose: 'questions', hits })
  const seen = await one.seen()
  for (const purpose of ['letters', 'bills', 'questions']) expect(seen[`${purpose}/recipient/mistral`]).toBe(1)
})

test('a period of whole days leaves out what lies outside', async () => {
  const one = await tenant()
  const insert = `INSERT INTO greffier.events (id, tenant_id, document_ids, phase, body) VALUES ($1, $2, '{}', 'completed', $3) RETURNING seq`
  for (const time of ['2026-03-01T23:59:59.999Z', '2026-03-02T00:00:00.000Z', '2026-03-03T00:00:00.000Z']) {
    const [row] = await bench.query<{ seq: string }>(insert, [
      randomUUID(),
      one.tenantId,
      JSON.stringify({ time, purpose: 'a', role: 'controller' }),
    ])
    await bench.query('INSERT INTO greffier.ledger_queue VALUES ($1, $2)', [one.tenantId, row?.seq])
  }
  const between = async () => (await one.seen({ from: '2026-03-02', to: '2026-03-02' }))['a/event/']
  expect(await between()).toBe(1)
  await one.sequence()
  await one.rollUp()
  expect(await between()).toBe(1)
  expect((await one.seen({ from: null, to: '2026-03-02' }))['a/event/']).toBe(2)
})

test('documents older than the limit of a category that they hold, or may hold, overrun it; erased ones do not, and held ones are told apart', async () => {
  const one = await tenant()
  const add = async (days: number, categories: ('contact' | 'health')[]) => {
    const { document_id } = await bench.upload({ tenantId: one.tenantId, options: { purpose: 'letters' } })
    await bench.query(`UPDATE greffier.documents SET created_at = now() - make_interval(days => $2::int) WHERE id = $1`, [
      document_id,
      days,
    ])
    if (categories.length > 0)
      await one.append({ operation: 'Infer', step: 'enrich', phase: 'completed', doc_ref: document_id, data_categories: categories })
    return document_id
  }
  await add(20, ['contact'])
  await add(200, ['contact'])
  await add(200, ['health'])
  await add(200, [])
  const [erased, held] = [await add(200, ['contact']), await add(200, ['health'])]
  await bench.query(`UPDATE greffier.documents SET status = 'erased', erased_at = now() WHERE id = $1`, [erased])
  await bench.query(`INSERT INTO greffier.holds (document_id, tenant_id, key_id, reason) VALUES ($1, $2, $1, '17-3-e')`, [
    held,
    one.tenantId,
  ])
  const activity = Activity.parse({
    ...BASE,
    data_categories: [
      { category: 'contact', erasure: { rule: 'short', days: 30 } },
      { category: 'health', erasure: { rule: 'long', days: 100 } },
      { category: 'financial', erasure: { rule: 'longer', days: 500 } },
      { category: 'family', erasure: { rule: 'none', days: null } },
    ],
  })
  await one.sequence()
  await one.rollUp()
  const overruns = await withTenant(bench.database, one.tenantId, (tx) => readOverruns(tx, one.tenantId, activity))
  expect(overruns).toMatchObject([
    { category: 'contact', documents: 2, held: 0, at_least: false },
    { category: 'health', documents: 2, held: 1 },
  ])
})

const BASE = {
  id: 'letters',
  name: 'Letters',
  purposes: ['letters'],
  role: 'controller',
  subject_categories: ['customer'],
  special: true,
  criminal: false,
  legal_basis: 'A6-1-b',
  art9_basis: 'A9-2-b',
  recipients: [],
  third_countries: [],
  measures: { technical: [], organisational: [] },
  assessments: { dpia: { status: 'open', link: null }, lia: { status: 'open', link: null }, tia: { status: 'open', link: null } },
  source: 'a test',
  notice_version: null,
  automated_decision: null,
  review_by: '2027-01-01',
  ai: { role: 'none', risk: 'minimal' },
  dpa_reference: null,
}
