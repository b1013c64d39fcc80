import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Clocks } from '../../../services/compliance/retention/clock.ts'
import { createSweep, type Sweep } from '../../../services/compliance/retention/sweep.ts'
import { findStored, readRow } from '../../../shared/database/documents.ts'
import { readRecord } from '../../../shared/database/events.ts'
import { liftHold, placeHold, restrictDocument } from '../../../shared/database/restrictions.ts'
import { planRetention, refreshRetention, sumRetention } from '../../../shared/database/retention.ts'
import { openTombstones } from '../../../shared/database/tombstones.ts'
import type { RetentionRules } from '../../../shared/policy/retention.ts'
import { recordingLog } from '../../support/recording-log.ts'
import { retentionRules } from '../../support/retention.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const KEY = crypto.randomUUID()
const HOLD = { keyId: KEY, reason: '17-3-e', until: null, sealedText: null, textCommit: null } as const
const TEN_DAYS = { id: 'ten_days', erase: { after: 'received', days: 10 } } as const

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())
beforeEach(async () => {
  await bench.query('DELETE FROM greffier.retention_clock')
  await bench.query('DELETE FROM greffier.retention_confirmations')
})

interface Stored {
  ageDays?: number
  purpose?: string
  type?: string | null
  done?: boolean
  tenantId?: string
}

async function stored({ ageDays = 0, purpose = 'document_processing', type = null, done = true, tenantId = bench.tenantId }: Stored = {}) {
  const { document_id } = await bench.upload({ tenantId, options: { purpose } })
  await bench.query(
    `UPDATE greffier.documents SET type = $2, created_at = now() - $3 * interval '1 day',
      completed_at = CASE WHEN $4 THEN now() - $3 * interval '1 day' END WHERE id = $1`,
    [document_id, type, ageDays, done],
  )
  return document_id
}

const isErased = async (id: string) => (await bench.tenant((tx) => readRow(tx, id))).erased_at !== null
const requests = () => bench.query<{ retention_rule: string; id: string }>(`SELECT * FROM greffier.erasure_requests ORDER BY id`)

/** The clocks that a test moves: the wall clock is the database's, and so far away from it. */
function movable() {
  let [errorMs, passedMs] = [0, 0]
  const clocks: Clocks = { wallMs: async () => Date.now() + passedMs + errorMs, monotonicMs: () => passedMs }
  return {
    clocks,
    pass: (ms: number) => {
      passedMs += ms
    },
    setError: (ms: number) => {
      errorMs = ms
    },
  }
}

function sweepOf(
  rules: RetentionRules,
  {
    clocks = movable().clocks,
    graceMs = 0,
    holdingMs = 0,
    hash = 'rules',
  }: { clocks?: Clocks; graceMs?: number; holdingMs?: number; hash?: string } = {},
): { sweep: Sweep; lines: ReturnType<typeof recordingLog>['lines'] } {
  const { log, lines } = recordingLog()
  const { database, tenants } = bench
  const tombstones = openTombstones(join(bench.folder, 'tombstones.jsonl'))
  const times = { retention: rules, retentionHash: hash, retentionTimes: { graceMs, holdingMs } }
  return { sweep: createSweep({ database, tenants, tombstones, log, ...times }, clocks), lines }
}

describe('the rules', () => {
  test('decide by the first that matches, and keep what none matches', async () => {
    const other = await bench.tenants.create('other')
    const rules = retentionRules([
      { id: 'of_other', tenants: [other], erase: { after: 'received', days: 1 } },
      { id: 'minutes', types: ['minutes'], erase: 'never' },
      { id: 'invoices', purposes: ['accounting'], types: ['invoice'], erase: { after: 'received', days: 30 } },
      { id: 'accounting', purposes: ['accounting'], erase: { after: 'completed', days: 3 } },
    ])
    const ids = {
      minutes: await stored({ ageDays: 900, type: 'minutes', purpose: 'accounting' }),
      invoice: await stored({ ageDays: 20, type: 'invoice', purpose: 'accounting' }),
      oldInvoice: await stored({ ageDays: 31, type: 'invoice', purpose: 'accounting' }),
      letter: await stored({ ageDays: 20, type: 'letter', purpose: 'accounting' }),
      untyped: await stored({ ageDays: 20, purpose: 'accounting' }),
      support: await stored({ ageDays: 900, purpose: 'customer_support' }),
      underWay: await stored({ ageDays: 20, purpose: 'accounting', done: false }),
    }
    const plan = await bench.tenant((tx) => planRetention(tx, rules, { tenantId: bench.tenantId, at: new Date(), after: null, limit: 100 }))
    const of = Object.fromEntries(plan.map(({ document_id, rule }) => [document_id, rule]))
    const named = Object.entries(ids).flatMap(([name, id]) => (of[id] === undefined ? [] : [[name, of[id]]]))
    expect(named).toEqual([
      ['oldInvoice', 'invoices'],
      ['letter', 'accounting'],
      ['untyped', 'accounting'],
    ])
    expect((await bench.tenant((tx) => sumRetention(tx, rules, bench.tenantId, new Date()))).map(({ rule, due }) => [rule, due])).toEqual([
      ['accounting', 2],
      ['invoices', 1],
    ])
  })

  test('count calendar months of UTC, to the last day of a shorter one', async () => {
    const rules = retentionRules([{ id: 'a_month', purposes: ['monthly'], erase: { after: 'received', months: 1 } }])
    const id = await stored({ purpose: 'monthly' })
    await bench.query(`UPDATE greffier.documents SET created_at = '2026-01-31T23:30:00Z' WHERE id = $1`, [id])
    const at = new Date('2026-02-28T23:30:00Z')
    const planned = (time: Date) =>
      bench.tenant((tx) => planRetention(tx, rules, { tenantId: bench.tenantId, at: time, after: null, limit: 10 }))
    expect((await planned(at)).map(({ erase_after }) => erase_after)).toEqual([at])
    expect(await planned(new Date(at.getTime() - 1))).toEqual([])
    await bench.tenant((tx) => refreshRetention(tx, rules, bench.tenantId))
    expect(await bench.tenant((tx) => readRow(tx, id))).toMatchObject({ retention_rule: 'a_month', erase_after: at })
  })
})

describe('a sweep', () => {
  test('erases what is due through a request that names the rule, with a tombstone, and nothing else', async () => {
    const rules = retentionRules([{ ...TEN_DAYS, purposes: ['swept'] }])
    const [due, young, other] = [
      await stored({ ageDays: 11, purpose: 'swept' }),
      await stored({ ageDays: 9, purpose: 'swept' }),
      await stored({ ageDays: 900 }),
    ]
    const before = (await requests()).length
    expect(await sweepOf(rules).sweep()).toBe(1)
    expect([await isErased(due), await isErased(young), await isErased(other)]).toEqual([true, false, false])
    expect((await requests()).slice(before)).toMatchObject([{ retention_rule: 'ten_days', ground: null, key_id: null }])
    expect(await sweepOf(rules).sweep()).toBe(0)
  })

  test('looks at the rules again, whatever was written down of a document', async () => {
    const id = await stored({ ageDays: 11, purpose: 'written' })
    const { sweep } = sweepOf(retentionRules([{ id: 'long', purposes: ['written'], erase: { after: 'received', days: 100 } }]))
    await sweep()
    await bench.query(`UPDATE greffier.documents SET erase_after = now() - interval '1 day' WHERE id = $1`, [id])
    expect(await sweep()).toBe(0)
    expect(await isErased(id)).toBe(false)
  })

  test('by many processes at once asks once for each document', async () => {
    const rules = retentionRules([{ ...TEN_DAYS, purposes: ['crowded'] }])
    const ids = await Promise.all(Array.from({ length: 12 }, () => stored({ ageDays: 11, purpose: 'crowded' })))
    const sweeps = Array.from({ length: 6 }, () => sweepOf(rules).sweep)
    await Promise.all(sweeps.map((sweep) => sweep()))
    await sweepOf(rules).sweep()
    const items = await bench.query<{ document_id: string }>('SELECT document_id FROM greffier.erasure_items WHERE document_id = ANY($1)', [
      ids,
    ])
    expect(items.map(({ document_id }) => document_id).sort()).toEqual([...ids].sort())
  })
})

describe('a hold', () => {
  test('wins: it is refused once, planned as held, and the document goes when the hold is lifted', async () => {
    const rules = retentionRules([{ ...TEN_DAYS, purposes: ['held'] }])
    const id = await stored({ ageDays: 11, purpose: 'held' })
    await bench.tenant(async (tx) => placeHold(tx, await findStored(tx, id, 'update'), HOLD))
    const { sweep } = sweepOf(rules)
    for (let times = 0; times < 3; times++) expect(await sweep()).toBe(0)
    const steps = (await bench.tenant((tx) => readRecord(tx, id))).map(({ step, phase, retention }) => [step, phase, retention?.hold])
    expect(steps).toEqual([
      ['hold', 'completed', true],
      ['erasure_request', 'refused', true],
      ['restriction', 'completed', true],
    ])
    const page = { tenantId: bench.tenantId, at: new Date(), after: null, limit: 10 }
    expect(await bench.tenant((tx) => planRetention(tx, rules, page))).toMatchObject([
      { document_id: id, state: 'held', hold_reason: '17-3-e', hold_until: null },
    ])
    // No key asked for the erasure that was refused: the rule did.
    expect(await bench.tenant((tx) => readRow(tx, id))).toMatchObject({ restriction_ground: 'hold', restricted_by: null })
    await bench.tenant(async (tx) => liftHold(tx, await findStored(tx, id, 'update'), KEY))
    expect(await sweep()).toBe(1)
    expect(await isErased(id)).toBe(true)
  })

  test('that ends on a day stands until then whatever the clock says', async () => {
    const rules = retentionRules([{ ...TEN_DAYS, purposes: ['held_until'] }])
    const id = await stored({ ageDays: 11, purpose: 'held_until' })
    const until = new Date(Date.now() + 5 * DAY_MS).toISOString()
    await bench.tenant(async (tx) => placeHold(tx, await findStored(tx, id, 'update'), { ...HOLD, reason: '17-3-b', until }))
    const { clocks, pass, setError } = movable()
    const { sweep } = sweepOf(rules, { clocks, holdingMs: HOUR_MS })
    for (let minutes = 0; minutes <= 120; minutes++) {
      await sweep()
      pass(60_000)
    }
    setError(400 * DAY_MS)
    await sweep()
    expect(await isErased(id)).toBe(false)
    setError(0)
    await bench.query(`UPDATE greffier.holds SET until = now() - interval '1 hour' WHERE document_id = $1`, [id])
    await sweep()
    expect(await isErased(id)).toBe(true)
  })
})

test('what a person had restricted is kept and planned as restricted, also when a hold on it ends (Art. 18(2))', async () => {
  const rules = retentionRules([{ ...TEN_DAYS, purposes: ['restricted'] }])
  const id = await stored({ ageDays: 11, purpose: 'restricted' })
  await bench.tenant(async (tx) => {
    await restrictDocument(tx, await findStored(tx, id, 'update'), { ground: '18-1-b', keyId: KEY })
    await placeHold(tx, await findStored(tx, id, 'update'), HOLD)
  })
  const { sweep } = sweepOf(rules)
  await sweep()
  await bench.tenant(async (tx) => {
    await restrictDocument(tx, await findStored(tx, id, 'update'), { ground: 'hold', keyId: null })
    await liftHold(tx, await findStored(tx, id, 'update'), KEY)
  })
  expect(await sweep()).toBe(0)
  expect(await bench.tenant((tx) => readRow(tx, id))).toMatchObject({ erased_at: null, restricted_by: KEY })
  const page = { tenantId: bench.tenantId, at: new Date(), after: null, limit: 10 }
  expect(await bench.tenant((tx) => planRetention(tx, rules, page))).toMatchObject([{ state: 'restricted', restriction_ground: '18-1-b' }])
})

test('rules that are new, or changed, erase nothing before they were the same for their time', async () => {
  const rules = retentionRules([{ ...TEN_DAYS, purposes: ['graceful'] }])
  const [first, second] = [await stored({ ageDays: 11, purpose: 'graceful' }), await stored({ ageDays: 11, purpose: 'graceful' })]
  const { clocks, pass } = movable()
  const run = async (sweep: Sweep, minutes: number) => {
    for (let at = 0; at < minutes; at++) {
      pass(60_000)
      await sweep()
    }
  }
  const one = sweepOf(rules, { clocks, graceMs: HOUR_MS, hash: 'one' }).sweep
  await one()
  await run(one, 59)
  expect(await isErased(first)).toBe(false)
  const two = sweepOf(rules, { clocks, graceMs: HOUR_MS, hash: 'two' }).sweep
  await run(two, 30)
  // Back to the first: it has to wait as well.
  await run(one, 59)
  expect([await isErased(first), await isErased(second)]).toEqual([false, false])
  await run(one, 2)
  expect([await isErased(first), await isErased(second)]).toEqual([true, true])
})

test('a clock that jumps erases nothing early, says so, and what was due before goes on; a tenant that vouches for it waits no longer', async () => {
  const rules = retentionRules([{ ...TEN_DAYS, purposes: ['jumped'] }])
  const { clocks, pass, setError } = movable()
  const { sweep, lines } = sweepOf(rules, { clocks, holdingMs: DAY_MS })
  await sweep()
  const [due, young] = [await stored({ ageDays: 11, purpose: 'jumped' }), await stored({ ageDays: 9, purpose: 'jumped' })]
  setError(400 * DAY_MS)
  pass(60_000)
  await bench.tenant((tx) => refreshRetention(tx, rules, bench.tenantId))
  expect(await sweep()).toBe(0)
  expect(lines.filter(({ message }) => message.startsWith('the clock jumped'))).toHaveLength(1)
  setError(0)
  pass(60_000)
  await sweep()
  pass(60_000)
  expect(await sweep()).toBe(0)
  // Vouched for by a person, once it is right.
  await bench.query(`INSERT INTO greffier.retention_confirmations SELECT $1, to_timestamp($2), vouched_ms FROM greffier.retention_clock`, [
    bench.tenantId,
    (await clocks.wallMs(undefined as never)) / 1_000,
  ])
  setError(400 * DAY_MS)
  pass(60_000)
  expect(await sweep()).toBe(1)
  expect([await isErased(due), await isErased(young)]).toEqual([true, false])
})
