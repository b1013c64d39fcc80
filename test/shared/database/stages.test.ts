import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { JOBS, STAGES, type Stage } from '../../../shared/contracts/jobs.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import type { RevisionKey } from '../../../shared/database/content.ts'
import { addRevision, buryDocument } from '../../../shared/database/documents.ts'
import { assertCurrent, beginStage, completeStage, failStage, postponeStage, type StageKey } from '../../../shared/database/stages.ts'
import { waitUntil } from '../../support/wait.ts'
import { blockedTransactions, openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('each start raises the epoch, and a write under an older one is refused', async () => {
  const key = await due()
  const first = await begin(key)
  const second = await begin(key)
  expect([first, second]).toMatchObject([
    { kind: 'run', epoch: 1, starts: 1 },
    { kind: 'run', epoch: 2, starts: 2 },
  ])
  await expect(bench.tenant((tx) => assertCurrent(tx, key, 1))).rejects.toMatchObject({ code: 'STALE_EPOCH' })
  await expect(bench.tenant((tx) => assertCurrent(tx, key, 3))).rejects.toMatchObject({ code: 'STALE_EPOCH' })
  await bench.tenant((tx) => assertCurrent(tx, key, 2))
  expect(await statusOf(key)).toBe('processing')
})

test('of fifty starts at once each has its own epoch, and the last alone may write', async () => {
  const key = await due()
  await bench.query(`UPDATE greffier.stages SET starts = -1000 WHERE document_id = $1`, [key.document_id])
  const begun = await Promise.all(Array.from({ length: 50 }, () => begin(key)))
  const epochs = begun.map((one) => (one.kind === 'run' ? one.epoch : 0)).sort((a, b) => a - b)
  expect(epochs).toEqual(Array.from({ length: 50 }, (_, at) => at + 1))
  const written = await Promise.allSettled(
    epochs.map((epoch) =>
      bench.tenant(async (tx) => {
        await assertCurrent(tx, key, epoch)
        await completeStage(tx, key, { returned: true })
      }),
    ),
  )
  expect(written.map((one, at) => (one.status === 'fulfilled' ? at : -1)).filter((at) => at >= 0)).toEqual([49])
})

test('a newer revision fences off the older one’s workers, and its redelivered job is skipped', async () => {
  const key = await due()
  await begin(key)
  await bench.tenant((tx) => addRevision(tx, bench.tenantId, key.document_id, 'reprocess'))
  await expect(bench.tenant((tx) => assertCurrent(tx, key, 1))).rejects.toMatchObject({ code: 'STALE_EPOCH' })
  expect(await begin(key)).toEqual({ kind: 'skip', reason: 'superseded' })
  expect(await begin({ ...key, revision: 2 })).toMatchObject({ kind: 'run', epoch: 1, starts: 1 })
})

test('after the tombstone nothing but the erasure may start or write', async () => {
  const key = await due()
  await begin(key)
  await bench.tenant((tx) => buryDocument(tx, bench.tenantId, key.document_id))
  await expect(bench.tenant((tx) => assertCurrent(tx, key, 1))).rejects.toMatchObject({ code: 'STALE_EPOCH' })
  expect(await begin(key)).toEqual({ kind: 'skip', reason: 'erased' })
  const erase = { ...key, stage: 'erase' as const }
  expect(await begin(erase)).toMatchObject({ kind: 'run', epoch: 1, starts: 1 })
  await bench.tenant((tx) => assertCurrent(tx, erase, 1))
})

test('a tombstone waits for the write that is under way, and that write for nothing', async () => {
  const key = await due()
  await begin(key)
  let buried = false
  let burying: Promise<void> = Promise.resolve()
  await bench.tenant(async (tx) => {
    await assertCurrent(tx, key, 1)
    burying = bench
      .tenant((other) => buryDocument(other, bench.tenantId, key.document_id))
      .then(() => {
        buried = true
      })
    await waitUntil(async () => (await blockedTransactions(bench)) > 0, 'the tombstone to wait')
    expect(buried).toBe(false)
    await completeStage(tx, key, { returned: true })
  })
  await burying
  expect(await stagesOf(key)).toMatchObject({ extract: 'completed', enrich: 'pending', erase: 'pending' })
})

test('a redelivery that begins while a stage commits waits for it, and is then told that all is done', async () => {
  const key = await due()
  await begin(key)
  let redelivered: ReturnType<typeof begin> | undefined
  await bench.tenant(async (tx) => {
    await assertCurrent(tx, key, 1)
    redelivered = begin(key)
    await waitUntil(async () => (await blockedTransactions(bench)) > 0, 'the redelivery to wait')
    // What a stage writes: without a common order of locks the two would now wait for each other.
    await tx.updateTable('documents').set({ language: 'de' }).where('id', '=', key.document_id).execute()
    await completeStage(tx, key, { returned: true })
  })
  expect(await redelivered).toEqual({ kind: 'skip', reason: 'finished' })
})

test('a document that does not exist, or belongs to another tenant, is skipped', async () => {
  const key = await due()
  const other = await bench.tenants.create('other')
  expect(await withTenant(bench.database, other, (tx) => beginStage(tx, { ...key, tenant_id: other }, { takeOver: true }))).toEqual({
    kind: 'skip',
    reason: 'unknown',
  })
  expect(await begin(key)).toMatchObject({ kind: 'run', epoch: 1 })
})

test.each(STAGES.filter((stage) => stage !== 'erase'))('completing %s makes exactly the next stage due, once', async (stage) => {
  const key = { ...(await due()), stage }
  await place(key)
  await begin(key)
  await bench.query('DELETE FROM greffier.outbox WHERE document_id = $1', [key.document_id])
  await bench.tenant(async (tx) => {
    await assertCurrent(tx, key, 1)
    await completeStage(tx, key, { returned: true })
  })
  const next = JOBS[stage].next
  const queued = await bench.query('SELECT stage, revision FROM greffier.outbox WHERE document_id = $1', [key.document_id])
  expect(queued).toEqual(next ? [{ stage: next, revision: 1 }] : [])
  const stages = await stagesOf(key)
  expect(stages[stage]).toBe('completed')
  if (next) expect(stages[next]).toBe('pending')
  expect(await begin(key)).toEqual({ kind: 'skip', reason: 'finished' })
  await expect(bench.tenant((tx) => assertCurrent(tx, key, 1))).rejects.toMatchObject({ code: 'STALE_EPOCH' })
})

describe.each(STAGES)('the starts of %s', (stage) => {
  test('are bounded by the table of jobs, also over a queue that forgets its own count', async () => {
    const key = { ...(await due()), stage }
    if (stage === 'erase') await bench.tenant((tx) => buryDocument(tx, bench.tenantId, key.document_id))
    await place(key)
    const { attempts } = JOBS[stage]
    // An erasure may start a million times: only the last two starts are made.
    const before = attempts - 2
    await bench.query('UPDATE greffier.stages SET starts = $3, epoch = $3 WHERE document_id = $1 AND stage = $2', [
      key.document_id,
      stage,
      before,
    ])
    for (const start of [before + 1, attempts]) expect(await begin(key)).toMatchObject({ kind: 'run', epoch: start, starts: start })
    expect(await begin(key)).toMatchObject({ kind: 'exhausted', epoch: attempts + 1 })
    await bench.tenant(async (tx) => {
      await assertCurrent(tx, key, attempts + 1)
      await failStage(tx, key, 'ATTEMPTS_EXHAUSTED', { outcome: 'failed', returned: true })
    })
    expect(await begin(key)).toEqual({ kind: 'skip', reason: 'finished' })
    expect(await statusOf(key)).toBe(stage === 'erase' ? 'erased' : 'failed')
  })
})

test('handing a stage back does not count its start, but fences the worker that handed it back', async () => {
  const key = await due()
  for (let round = 1; round <= 2 * JOBS.extract.attempts; round++) {
    expect(await begin(key)).toMatchObject({ kind: 'run', epoch: round, starts: 1 })
    await bench.tenant((tx) => postponeStage(tx, key, { dueInMs: 0, countStart: false, code: null, returned: true }))
    await expect(bench.tenant((tx) => assertCurrent(tx, key, round))).rejects.toMatchObject({ code: 'STALE_EPOCH' })
  }
})

test('putting a stage off counts its start and makes it due later', async () => {
  const key = await due()
  await bench.query('DELETE FROM greffier.outbox WHERE document_id = $1', [key.document_id])
  await begin(key)
  await bench.tenant((tx) => postponeStage(tx, key, { dueInMs: 60_000, countStart: true, code: 'UNAVAILABLE', returned: true }))
  const outbox = await bench.query<{ later: boolean }>(
    `SELECT due_at > now() + interval '50 seconds' AS later FROM greffier.outbox WHERE document_id = $1`,
    [key.document_id],
  )
  expect(outbox).toEqual([{ later: true }])
  expect(await begin(key)).toMatchObject({ kind: 'run', epoch: 2, starts: 2 })
})

test('a failure of one revision leaves no trace in the document when it is the erasure that failed', async () => {
  const key = await due()
  await bench.tenant((tx) => buryDocument(tx, bench.tenantId, key.document_id))
  const erase = { ...key, stage: 'erase' as const }
  await begin(erase)
  await bench.tenant((tx) => failStage(tx, erase, 'UNAVAILABLE', { outcome: 'failed', returned: true }))
  await bench.tenant((tx) => failStage(tx, key, 'NO_TEXT', { outcome: 'failed', returned: true }))
  expect(await statusOf(key)).toBe('erased')
})

async function due(): Promise<StageKey> {
  return { ...(await bench.upload()), stage: 'extract' }
}

/** The row of a stage that the pipeline would reach later. */
async function place(key: StageKey): Promise<void> {
  await bench.query(
    `INSERT INTO greffier.stages (tenant_id, document_id, revision, stage) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
    [key.tenant_id, key.document_id, key.revision, key.stage],
  )
}

function begin(key: StageKey): ReturnType<typeof beginStage> {
  return bench.tenant((tx) => beginStage(tx, key, { takeOver: true }))
}

async function stagesOf(key: RevisionKey): Promise<Partial<Record<Stage, string>>> {
  const rows = await bench.query<{ stage: Stage; status: string }>(
    'SELECT stage, status FROM greffier.stages WHERE document_id = $1 AND revision = $2',
    [key.document_id, key.revision],
  )
  return Object.fromEntries(rows.map((row) => [row.stage, row.status]))
}

async function statusOf(key: RevisionKey): Promise<string | undefined> {
  const [row] = await bench.query<{ status: string }>('SELECT status FROM greffier.documents WHERE id = $1', [key.document_id])
  return row?.status
}
