import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { withTenant } from '../../../shared/database/connection.ts'
import type { RevisionKey } from '../../../shared/database/content.ts'
import { addRevision, buryDocument } from '../../../shared/database/documents.ts'
import { redriveDocument } from '../../../shared/database/redrive.ts'
import { beginStage, failStage } from '../../../shared/database/stages.ts'
import { redriveOnce, startRedrive } from '../../../shared/queue/redrive.ts'
import { recordingLog } from '../../support/recording-log.ts'
import { waitUntil } from '../../support/wait.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const OLD = 'old rules'
const NEW = 'new rules'
/** More than a pass takes at once. */
const MANY = 230

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('three workers that start together make each refused document of every tenant due again exactly once', async () => {
  const other = await bench.tenants.create('other')
  const keys: RevisionKey[] = []
  for (let at = 0; at < MANY; at++) keys.push(await refused(OLD, at % 2 === 0 ? bench.tenantId : other))
  const { log, lines } = recordingLog()
  const started = [1, 2, 3].map(() => startRedrive({ database: bench.database, refusedUnder: () => NEW, log }))
  onTestFinished(async () => void (await Promise.all(started.map((redrive) => redrive.close()))))
  await waitUntil(async () => (await statuses(keys)).every((status) => status === 'processing'), 'every document to be due again')
  await Promise.all(started.map((redrive) => redrive.close()))
  for (const key of keys) expect(await outbox(key)).toEqual(['extract'])
  expect(lines.reduce((sum, { fields }) => sum + (fields.count ?? 0), 0)).toBe(MANY)
})

test('under the rules that refused it a document stays refused, also when others refused it in between', async () => {
  const key = await refused(OLD)
  expect(await pass(OLD)).not.toContain(key.document_id)
  expect(await pass(NEW)).toEqual([key.document_id])
  await refuse(key, NEW)
  for (const rules of [NEW, OLD, NEW]) expect(await pass(rules)).toEqual([])
  expect(await statuses([key])).toEqual(['refused'])
  expect(await pass('third rules')).toEqual([key.document_id])
})

test('a worker that runs over midnight notices that the facts have turned', async () => {
  const key = await refused(OLD)
  let rules = OLD
  let passes = 0
  const refusedUnder = () => {
    passes++
    return rules
  }
  const redrive = startRedrive({ database: bench.database, refusedUnder, log: recordingLog().log, everyMs: 5 })
  onTestFinished(() => redrive.close())
  await waitUntil(async () => passes > 1, 'a pass under the rules of the day')
  expect(await statuses([key])).toEqual(['refused'])
  rules = NEW
  await waitUntil(async () => (await statuses([key]))[0] === 'processing', 'the document to be due again')
})

test('what an older process refuses once more after it was made due again is made due again', async () => {
  const key = await refused(OLD)
  expect(await pass(NEW)).toEqual([key.document_id])
  await refuse(key, OLD)
  expect(await pass(NEW)).toEqual([key.document_id])
  expect(await pass(OLD)).toEqual([])
})

test('a document that was erased, has a newer revision, failed or completed is none of its business', async () => {
  const [erased, superseded, failed, completed] = [await refused(OLD), await refused(OLD), await refused(OLD), await refused(OLD)]
  await bench.tenant((tx) => buryDocument(tx, bench.tenantId, erased.document_id))
  await bench.tenant((tx) => addRevision(tx, bench.tenantId, superseded.document_id, 'reprocess'))
  await bench.query(`UPDATE greffier.documents SET status = 'failed' WHERE id = $1`, [failed.document_id])
  await bench.query(`UPDATE greffier.documents SET status = 'completed' WHERE id = $1`, [completed.document_id])
  expect(await pass(NEW)).toEqual([])
})

test('a document that an erasure holds is passed over, and the others are not kept waiting for it', async () => {
  const [held, free] = [await refused(OLD), await refused(OLD)]
  await bench.tenant(async (tx) => {
    await buryDocument(tx, bench.tenantId, held.document_id)
    expect(await pass(NEW)).toEqual([free.document_id])
  })
  expect(await statuses([held])).toEqual(['erased'])
})

test('a redrive keeps revision and epoch, gives all starts back, and fences the worker that was at it before', async () => {
  const key = await refused(OLD)
  expect(await bench.tenant((tx) => redriveDocument(tx, key.document_id))).toEqual({ revision: 1, stage: 'extract' })
  const [row] = await bench.query('SELECT status, epoch, starts, error_code FROM greffier.stages WHERE document_id = $1', [key.document_id])
  expect(row).toEqual({ status: 'pending', epoch: 1, starts: 0, error_code: null })
  await expect(bench.tenant((tx) => redriveDocument(tx, key.document_id))).rejects.toMatchObject({ code: 'NOTHING_TO_REDRIVE' })
})

test('a stage remembers the twenty newest of the rules that refused it, each once', async () => {
  const key = await refused('rules 0')
  for (const number of [1, 2, 1, ...Array.from({ length: 24 }, (_, at) => at)]) {
    await bench.tenant((tx) => redriveDocument(tx, key.document_id))
    await refuse(key, `rules ${number}`)
  }
  const [row] = await bench.query<{ refused_under: string[] }>('SELECT refused_under FROM greffier.stages WHERE document_id = $1', [
    key.document_id,
  ])
  expect(row?.refused_under).toEqual(Array.from({ length: 20 }, (_, at) => `rules ${at + 4}`))
})

/** What is left of other tests is no part of a pass here. */
async function pass(rules: string): Promise<string[]> {
  return redriveOnce(bench.database, rules)
}

async function refused(rules: string, tenantId = bench.tenantId): Promise<RevisionKey> {
  const key = await bench.upload({ tenantId })
  await refuse(key, rules)
  await bench.query('DELETE FROM greffier.outbox WHERE document_id = $1', [key.document_id])
  // Only what a test asks for is refused when it begins.
  onTestFinished(async () => void (await bench.query(`UPDATE greffier.documents SET status = 'failed' WHERE id = $1`, [key.document_id])))
  return key
}

async function refuse(key: RevisionKey, refusedUnder: string): Promise<void> {
  const stage = { ...key, stage: 'extract' as const }
  await withTenant(bench.database, key.tenant_id, async (tx) => {
    await beginStage(tx, stage, { takeOver: false })
    await failStage(tx, stage, 'POLICY_REFUSED', { outcome: { refusedUnder }, returned: true })
  })
}

async function outbox(key: RevisionKey): Promise<string[]> {
  const rows = await bench.query<{ stage: string }>('SELECT stage FROM greffier.outbox WHERE document_id = $1', [key.document_id])
  return rows.map((row) => row.stage)
}

async function statuses(keys: readonly RevisionKey[]): Promise<string[]> {
  const ids = keys.map((key) => key.document_id)
  const rows = await bench.query<{ status: string }>('SELECT status FROM greffier.documents WHERE id = ANY($1)', [ids])
  return rows.map((row) => row.status)
}
