import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { reportExposure } from '../../../services/compliance/exposure/report.ts'
import { ExposureQuestion } from '../../../shared/contracts/exposure.ts'
import { readLinkedSubjects, readSentCalls, wasCalled } from '../../../shared/database/exposure.ts'
import type { Rules } from '../../../shared/policy/explain.ts'
import { askedFor } from '../../../shared/policy/exposure.ts'
import { draftNotification } from '../../../shared/policy/exposure-draft.ts'
import { ProcessorRegister } from '../../../shared/policy/register.ts'
import { plansOf } from '../../support/plans.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const CLAIM = { source: 'a test', read_on: '2026-01-01', confidence: 'verified' }
const SUBPROCESSORS = [
  { entity: 'Early Cloud', country: 'FR', valid: { from: null, to: null }, known: { from: '2026-01-01', to: null }, ...CLAIM },
  { entity: 'Late Cloud', country: 'US', valid: { from: '2026-01-01', to: null }, known: { from: '2026-06-01', to: null }, ...CLAIM },
  { entity: 'Left Cloud', country: 'US', valid: { from: null, to: '2026-02-01' }, known: { from: '2026-01-01', to: null }, ...CLAIM },
]
const entry = (key: string, days: number | null, list: object[]) => ({
  key,
  name: key,
  legal_entity: { entity: `${key} SA`, country: 'FR', ...CLAIM },
  parents: [],
  role: 'processor',
  deployment: 'hosted',
  endpoints: [{ region: 'eu', base_url: `https://${key}.example/v1`, countries: ['EEA'], ...CLAIM }],
  subprocessors: { read: true, list, ...CLAIM },
  dpa: { reference: null, ...CLAIM },
  certifications: [],
  transfer: { mechanism: 'not_needed', ...CLAIM },
  retention: { days, ...CLAIM },
  training: { use: 'never', ...CLAIM },
  reach: { grade: 'unknown', reason: 'for tests', ...CLAIM },
})
const register = ProcessorRegister.parse({
  version: 1,
  notice: 'for tests',
  processors: [entry('known', 30, SUBPROCESSORS), entry('silent', null, [])],
})

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

async function document(options: Record<string, unknown> = {}): Promise<string> {
  const { document_id } = await bench.upload({ options })
  await bench.query(`UPDATE greffier.documents SET created_at = '2026-01-01' WHERE id = $1`, [document_id])
  return document_id
}

interface Call {
  documents: string[]
  time?: string
  processor?: string
  end?: 'completed' | 'refused' | 'outcome_unknown' | 'open'
  minimisation?: object | null
}

async function call({ documents, time = '2026-03-01T12:00:00.000Z', processor = 'known', end = 'completed', minimisation = null }: Call) {
  const id = randomUUID()
  const body = (phase: string) => ({
    time,
    phase,
    doc_ref: documents.length === 1 ? documents[0] : null,
    purpose: 'contracts',
    recipient: { processor, endpoint: `https://${processor}.example`, region: 'eu', register_hash: 'then', subprocessor_set_hash: null },
    model: { task: 'extract' },
    minimisation,
    data_categories: phase === 'completed' ? ['health'] : [],
    subject_categories: [],
  })
  const insert = `INSERT INTO greffier.events (id, tenant_id, document_ids, phase, closes, body) VALUES ($1, $2, $3, $4, $5, $6)`
  await bench.query(insert, [id, bench.tenantId, documents, 'intent', null, JSON.stringify(body('intent'))])
  if (end !== 'open') await bench.query(insert, [randomUUID(), bench.tenantId, documents, end, id, JSON.stringify(body(end))])
}

async function exposure(processor: string, from: string, to = from, more: object = {}) {
  const asked = askedFor(register, processor)
  if (!asked) throw new Error(`nobody is called ${processor}`)
  const rules = { register, declarations: {} } as unknown as Rules
  const services = { database: bench.database, rules, registerHash: 'now', readSubjects: readLinkedSubjects }
  const report = await reportExposure(services, bench.tenantId, ExposureQuestion.parse({ processor, from, to, ...more }), asked)
  const { totals } = report
  if (!totals && !('cursor' in more)) throw new Error('no sums')
  return { ...report, ids: report.documents.map(({ document_id }) => document_id) }
}

test('a call exposes its documents from its sending until the retention is over, and neither before nor after', async () => {
  const id = await document()
  await call({ documents: [id] })
  const isHeld = async (at: string) => (await exposure('known', at)).ids.includes(id)
  expect(await isHeld('2026-03-01T11:59:59.999Z')).toBe(false)
  expect(await isHeld('2026-03-01T12:00:00.000Z')).toBe(true)
  expect(await isHeld('2026-03-31T12:00:00.000Z')).toBe(true)
  expect(await isHeld('2026-03-31T12:00:00.001Z')).toBe(false)
})

test('an unknown retention counts as held without an end', async () => {
  const id = await document()
  await call({ documents: [id], processor: 'silent' })
  const { documents, totals } = await exposure('silent', '2036-01-01T00:00:00Z')
  expect(documents).toMatchObject([{ document_id: id, held: { until: null, basis: 'unknown' }, data_categories: ['health'] }])
  expect(totals).toMatchObject({ documents: 1, documents_unknown_retention: 1, still_held: true, held_until: null, subjects: null })
})

test('a subprocessor held what its principal held, as the register knew it then, and what is known only now is named as such', async () => {
  const id = await document()
  await call({ documents: [id], time: '2026-04-20T12:00:00.000Z' })
  const at = '2026-05-01T00:00:00Z'
  const early = await exposure('early cloud', at)
  expect(early.ids).toEqual([id])
  expect(early.paths).toMatchObject([
    { processor: 'known', subprocessor: 'Early Cloud', known_then: true, known_now: true, countries: ['FR'], documents: 1, calls: 1 },
  ])
  const late = await exposure('Late Cloud', at)
  expect(late.paths).toMatchObject([{ subprocessor: 'Late Cloud', known_then: false, known_now: true, countries: ['US'] }])
  expect(late.totals).toMatchObject({ documents: 1, documents_known_only_now: 1, calls_under_another_register: 1 })
  expect((await exposure('Left Cloud', at)).ids).toEqual([])
  expect(askedFor(register, 'Nobody Ltd')).toBeNull()
})

test('what has no known outcome counts as sent, what was refused does not, and erased and restricted documents count', async () => {
  const [unknown, open, refused, erased] = [await document(), await document(), await document(), await document()]
  const time = '2026-07-01T12:00:00.000Z'
  await call({ documents: [unknown], time, end: 'outcome_unknown' })
  await call({ documents: [open], time, end: 'open' })
  await call({ documents: [refused], time, end: 'refused' })
  await call({ documents: [erased], time })
  await bench.query(`UPDATE greffier.documents SET status = 'erased', erased_at = now() WHERE id = $1`, [erased])
  await bench.query(`UPDATE greffier.documents SET restricted_at = now() WHERE id = $1`, [open])
  const { ids, totals } = await exposure('known', time)
  expect(ids).toEqual([unknown, open, erased].sort())
  expect(totals).toMatchObject({ documents: 3, calls: 3, calls_without_outcome: 2, documents_erased: 1 })
})

test('a call with several documents is one call, and masked is told from unmasked by what was left', async () => {
  const [plain, masked, left] = [await document({ data_classes: ['special'] }), await document(), await document()]
  const time = '2026-02-10T12:00:00.000Z'
  const counts = (after: number) => ({ before: { iban: 2 }, after: { iban: after }, method: 'placeholders' })
  await call({ documents: [plain, masked], time })
  await call({ documents: [masked], time, minimisation: counts(0) })
  await call({ documents: [left], time, minimisation: counts(1) })
  const { documents, totals, paths } = await exposure('known', time)
  const maskingOf = Object.fromEntries(documents.map((line) => [line.document_id, line.masking]))
  expect(maskingOf).toEqual({ [plain]: ['unmasked'], [masked]: ['masked', 'unmasked'], [left]: ['partly_masked'] })
  expect(totals).toMatchObject({ documents: 3, calls: 3, documents_special: 1, masking: { masked: 1, unmasked: 1, partly_masked: 1 } })
  expect(totals).toMatchObject({ kinds_before: { iban: 4 }, kinds_after: { iban: 1 } })
  expect(paths).toMatchObject([{ documents: 3, calls: 3, masking: { masked: 1, unmasked: 1, partly_masked: 1 } }])

  const first = await exposure('known', time, time, { limit: 2 })
  const rest = await exposure('known', time, time, { limit: 2, cursor: first.next_cursor })
  expect([...first.ids, ...rest.ids]).toEqual([plain, masked, left].sort())
  expect([rest.next_cursor, rest.totals, first.totals?.documents]).toEqual([null, null, 3])
})

test('who is named in an erased document is counted no more, and the count says that it is the least', async () => {
  const [kept, erased] = [await document(), await document()]
  const time = '2026-05-20T12:00:00.000Z'
  await call({ documents: [kept], time })
  const named = await bench.query<{ subject_id: string }>(
    `INSERT INTO greffier.subject_identifiers (tenant_id, kind, identifier_hmac, subject_id)
     VALUES ($1, 'email', '\\x01', gen_random_uuid()) RETURNING subject_id`,
    [bench.tenantId],
  )
  await bench.query(
    `INSERT INTO greffier.document_subjects (tenant_id, document_id, revision, subject_id, found_in) VALUES ($1, $2, 1, $3, 'text')`,
    [bench.tenantId, kept, named[0]?.subject_id],
  )
  const asked = () => exposure('known', time, '2026-05-20T13:00:00.000Z')
  expect((await asked()).totals).toMatchObject({ subjects: { count: 1, at_least: false } })
  await call({ documents: [erased], time })
  await bench.query(`UPDATE greffier.documents SET status = 'erased', erased_at = now() WHERE id = $1`, [erased])
  expect((await asked()).totals).toMatchObject({ subjects: { count: 1, at_least: true } })
})

test('a draft names the hours that are left, asks for reasons where there are none, and invents nothing', async () => {
  const report = await exposure('known', '2026-09-01T12:00:00.000Z')
  if (!report.totals) throw new Error('no sums')
  const draft = (aware: string | null, dpoContact: string | null) =>
    draftNotification({ ...report, totals: report.totals ?? fail(), generated_at: '2026-09-10T00:00:00Z' }, aware, {
      notificationHours: 72,
      dpoContact,
    })
  expect(draft('2026-09-09T00:00:00Z', 'dpo@example.org')).toContain('Hours left of 72: 48')
  expect(draft('2026-09-09T00:00:00Z', 'dpo@example.org')).not.toContain('Reasons for the delay')
  const late = draft('2026-09-01T00:00:00Z', null)
  expect(late).toContain('Hours left of 72: -144: overdue')
  expect(late).toContain('Reasons for the delay (Art. 33(1)): **[to be filled in]**')
  expect(late).toContain('contact point: **[to be filled in]**')
  expect(late).toContain('Approximate number of data subjects: not known')
})

function fail(): never {
  throw new Error('no sums')
}

test('whoever was never called, and calls that showed no document, are found by an index of their own', async () => {
  const id = await document()
  await call({ documents: [id] })
  await call({ documents: [] })
  // As many as make an index worth while, and none of them a call.
  await bench.query(
    `INSERT INTO greffier.events (id, tenant_id, document_ids, phase, body) SELECT gen_random_uuid(), $1, ARRAY[$2::uuid], 'completed', '{}' FROM generate_series(1, 2000)`,
    [bench.tenantId, id],
  )
  await bench.query('VACUUM ANALYZE greffier.events')
  const of = { processors: ['known', 'silent'], to: '2026-12-01T00:00:00.000Z' }
  const [misspelt] = await plansOf(bench, (tx) => wasCalled(tx, 'mistrall'))
  const [alone] = await plansOf(bench, (tx) => readSentCalls(tx, [], of, '0'))
  const [shown] = await plansOf(bench, (tx) => readSentCalls(tx, [id], of, '0'))
  expect(misspelt).toMatch(/events_sent on events.*\n *Index Cond: .*processor = 'mistrall'/)
  expect(alone).toMatch(/events_sent_alone on events e.*\n *Index Cond: .*seq > /)
  for (const plan of [misspelt, alone, shown]) expect(plan).not.toContain('body')
})
