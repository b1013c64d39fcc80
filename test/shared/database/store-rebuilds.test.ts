import { afterAll, beforeAll, expect, test } from 'vitest'
import { markErased, registerArtifact } from '../../../shared/database/artifacts.ts'
import { withSystem } from '../../../shared/database/connection.ts'
import type { RevisionKey } from '../../../shared/database/content.ts'
import { requestErasure, settleErasure } from '../../../shared/database/erasures.ts'
import { completeStage } from '../../../shared/database/stages.ts'
import {
  beginRebuild,
  type FinishedRebuild,
  findOpenRebuild,
  finishRebuild,
  markLeftBehind,
  readRebuilt,
  readWantedFrom,
  takeRebuildLock,
} from '../../../shared/database/store-rebuilds.ts'
import { waitUntil } from '../../support/wait.ts'
import { blockedTransactions, openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

/** A document with points in the store, and a request that erases it: its erase stage has still to end. */
async function buried(store = 'qdrant'): Promise<RevisionKey & { requestId: string }> {
  const key = await bench.upload()
  const { tenant_id, document_id } = key
  await bench.tenant((tx) => registerArtifact(tx, { tenant_id, document_id, kind: 'points', store, locator: document_id }))
  const request = { keyId: null, ground: null, scope: { document_ids: [document_id] }, documentIds: [document_id] }
  return { ...key, requestId: await bench.tenant((tx) => requestErasure(tx, bench.tenantId, request)) }
}

async function settled(key: RevisionKey): Promise<void> {
  await bench.tenant(async (tx) => {
    await markErased(tx, key.document_id)
    await settleErasure(tx, key.document_id)
    await completeStage(tx, { ...key, stage: 'erase' }, { returned: true })
  })
}

async function begun(store = 'qdrant'): Promise<string> {
  const id = await withSystem(bench.database, (tx) => beginRebuild(tx, store))
  await withSystem(bench.database, (tx) => markLeftBehind(tx, store, id))
  return id
}

const finished = (id: string): Promise<FinishedRebuild> => withSystem(bench.database, (tx) => finishRebuild(tx, id))
const goneFrom = async (...keys: RevisionKey[]): Promise<string[]> =>
  bench.tenant(async (tx) => {
    const rebuilt = await readRebuilt(
      tx,
      keys.map(({ document_id }) => document_id),
    )
    return [...rebuilt.keys()]
  })

async function dueCertificates(): Promise<string[]> {
  const due = await bench.query<{ id: string }>('SELECT id FROM greffier.erasure_requests WHERE certificate_due_at IS NOT NULL ORDER BY id')
  return due.map(({ id }) => id)
}
const nothingDue = () => bench.query('UPDATE greffier.erasure_requests SET certificate_due_at = NULL')

test('a rebuild leaves behind what was erased when it began, and nothing that was erased while it ran', async () => {
  const [before, during, elsewhere] = [await buried(), await buried(), await buried('other')]
  await settled(before)
  await settled(elsewhere)
  await nothingDue()
  const id = await begun()
  await settled(during)
  await nothingDue()
  expect(await goneFrom(before)).toEqual([])
  expect(await finished(id)).toMatchObject({ documents: 1, certificates: 1 })
  expect([await goneFrom(before), await goneFrom(during), await goneFrom(elsewhere)]).toEqual([['qdrant'], [], []])
  expect(await goneFrom(before, during)).toEqual([])
  expect(await dueCertificates()).toEqual([before.requestId])
  expect(await finished(await begun())).toMatchObject({ documents: 1, certificates: 1 })
  expect(await goneFrom(before, during)).toEqual(['qdrant'])
})

test('an erasure that looks again later, because a stage may still write, is not left behind yet', async () => {
  const key = await buried()
  await bench.tenant((tx) => markErased(tx, key.document_id))
  await finished(await begun())
  expect(await goneFrom(key)).toEqual([])
  await settled(key)
  await finished(await begun())
  expect(await goneFrom(key)).toEqual(['qdrant'])
})

test('what was erased after a rebuild is not gone because the clock was ahead then', async () => {
  const id = await begun()
  await finished(id)
  await bench.query(`UPDATE greffier.store_rebuilds SET started_at = now() + interval '1 day', finished_at = now() + interval '1 day'`)
  const later = await buried()
  await settled(later)
  expect(await goneFrom(later)).toEqual([])
})

test('an erasure that is done once more, as after a restored backup, waits for the next rebuild again', async () => {
  const key = await buried()
  await settled(key)
  await finished(await begun())
  expect(await goneFrom(key)).toEqual(['qdrant'])
  await bench.tenant((tx) => markErased(tx, key.document_id))
  expect(await goneFrom(key)).toEqual([])
})

test('a rebuild that came to no end is begun again as the same one, and what it was to leave behind it still does', async () => {
  const [first, second] = [await buried(), await buried()]
  await settled(first)
  const id = await begun()
  expect(await withSystem(bench.database, (tx) => findOpenRebuild(tx, 'qdrant'))).toBe(id)
  await settled(second)
  expect(await begun()).toBe(id)
  await finished(id)
  expect(await goneFrom(first, second)).toEqual(['qdrant'])
  expect(await withSystem(bench.database, (tx) => findOpenRebuild(tx, 'qdrant'))).toBeNull()
})

test('a request that is being closed while a rebuild is put on record is not missed', async () => {
  const [key, open] = [await buried(), await buried()]
  await settled(key)
  await bench.query(`UPDATE greffier.erasure_requests SET state = 'erasing', certificate_due_at = NULL WHERE id = $1`, [key.requestId])
  const id = await begun()
  const closed = Promise.withResolvers<void>()
  const closing = bench.tenant(async (tx) => {
    await tx.updateTable('erasure_requests').set({ state: 'done' }).where('id', '=', key.requestId).execute()
    await closed.promise
  })
  await waitUntil(
    async () =>
      (await bench.query(`SELECT FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()`)).length > 0,
    'the request to be held',
  )
  const finishing = finished(id)
  await waitUntil(async () => (await blockedTransactions(bench)) === 1, 'the record to wait for it')
  closed.resolve()
  await closing
  expect(await finishing).toMatchObject({ certificates: 1 })
  expect(await dueCertificates()).toContain(key.requestId)
  expect(await dueCertificates()).not.toContain(open.requestId)
})

test('of a document the store should hold what is live or on its way, of an erased one nothing; an unknown one has no answer', async () => {
  const [fresh, live, erased] = [await bench.upload(), await bench.upload(), await buried()]
  await bench.query('UPDATE greffier.documents SET live_revision = 3 WHERE id = $1', [live.document_id])
  const asked = [fresh, live, erased].map(({ document_id }) => document_id)
  const answered = await withSystem(bench.database, (tx) => readWantedFrom(tx, [...asked, crypto.randomUUID()]))
  expect([...answered].sort()).toEqual(asked.map((id, at) => [id, [0, 3, Number.POSITIVE_INFINITY][at]]).sort())
})

test('one process has the lock of the rebuild at a time; it is free when that one lets go or its connection dies, which it hears', async () => {
  const first = await takeRebuildLock(bench.serviceUrl)
  expect(await takeRebuildLock(bench.serviceUrl)).toBeNull()
  await first?.release()
  const second = await takeRebuildLock(bench.serviceUrl)
  expect(second?.lost.aborted).toBe(false)
  await bench.query(
    `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  )
  await waitUntil(() => second?.lost.aborted === true, 'the loss to be heard')
  expect(second?.lost.reason).toMatchObject({ code: 'UNAVAILABLE' })
  const third = await takeRebuildLock(bench.serviceUrl)
  expect(third).not.toBeNull()
  await third?.release()
})
