import { afterAll, beforeAll, expect, test } from 'vitest'
import { JOBS, type Stage } from '../../../shared/contracts/jobs.ts'
import { settlesAt, whenSettled } from '../../../shared/database/open-starts.ts'
import { beginStage, giveWay, postponeStage, type StageKey } from '../../../shared/database/stages.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const HOUR_MS = 3_600_000
/** A start writes nothing any more so long after its time. */
const SETTLE_MS = 70_000

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('a document is settled when every start of its stages has said that its work has returned, in whatever order and however often', async () => {
  const key = await due()
  expect(await settled(key)).toBeNull()
  await begin(key)
  await begin(key)
  expect(await openOf(key)).toEqual([1, 2])
  await bench.tenant((tx) => postponeStage(tx, key, { dueInMs: 0, countStart: true, code: 'UNAVAILABLE', returned: true }))
  expect(await openOf(key)).toEqual([1])
  expect(await settled(key)).not.toBeNull()
  for (const epoch of [2, 1, 1]) await bench.tenant((tx) => giveWay(tx, key, epoch, { returned: true }))
  expect(await openOf(key)).toEqual([])
  expect(await settled(key)).toBeNull()
})

test('an end that is told before the work has returned leaves the start open', async () => {
  const key = await due()
  await begin(key)
  await bench.tenant((tx) => postponeStage(tx, key, { dueInMs: 0, countStart: true, code: 'STAGE_TIMEOUT', returned: false }))
  await bench.tenant((tx) => giveWay(tx, key, 1, { returned: false }))
  expect(await openOf(key)).toEqual([1])
})

test('a start that never says so is waited for until the time of its stage and that of a request are over, counted from the last start', async () => {
  const key = await due()
  await begin(key)
  await letPass(key, 100_000)
  await begin(key)
  await bench.tenant((tx) => giveWay(tx, key, 2, { returned: true }))
  expect(await openOf(key)).toEqual([1])
  const boundMs = JOBS.extract.timeoutMs + SETTLE_MS
  const now = await settled(key)
  expect(now?.inMs).toBeGreaterThan(boundMs - 30_000)
  expect(now?.inMs).toBeLessThanOrEqual(boundMs)
  const [row] = await bench.query<{ started_at: Date }>('SELECT started_at FROM greffier.stages WHERE document_id = $1', [key.document_id])
  expect(now?.at).toEqual(new Date((row?.started_at.getTime() ?? 0) + boundMs))
  await letPass(key, boundMs - 30_000)
  expect((await settled(key))?.inMs).toBeLessThanOrEqual(30_000)
  await letPass(key, 30_000)
  expect(await settled(key)).toBeNull()
})

test('a start forgets those before it whose time is over, so that a stage that kills its worker again and again remembers a few', async () => {
  const key = await due()
  await begin(key)
  await letPass(key, HOUR_MS)
  await begin(key)
  await begin(key)
  expect(await openOf(key)).toEqual([2, 3])
})

test('the start of an erasure is waited for by no erasure', async () => {
  const key: StageKey = { ...(await due()), stage: 'erase' }
  await bench.query(`UPDATE greffier.stages SET stage = 'erase' WHERE document_id = $1`, [key.document_id])
  await begin(key)
  expect(await settled(key)).toBeNull()
})

test('of several documents the last one counts, and a time is told only when the stores of all of them were found empty', async () => {
  const [one, other] = [await due(), await due('index')]
  for (const key of [one, other]) await begin(key)
  const ids = [one.document_id, other.document_id]
  const times = await bench.tenant(async (tx) => ({
    one: await whenSettled(tx, [one.document_id]),
    other: await whenSettled(tx, [other.document_id]),
    both: await whenSettled(tx, ids),
  }))
  expect(times.both?.at).toEqual(times.other?.at)
  expect(times.other?.at.getTime()).toBeGreaterThan(times.one?.at.getTime() ?? Number.NaN)
  await bench.query('UPDATE greffier.artifacts SET erased_at = now() WHERE document_id = $1', [one.document_id])
  expect(await bench.tenant((tx) => settlesAt(tx, ids))).toBeNull()
  await bench.query('UPDATE greffier.artifacts SET erased_at = now() WHERE document_id = $1', [other.document_id])
  expect(await bench.tenant((tx) => settlesAt(tx, ids))).toEqual(times.both?.at)
  expect(await bench.tenant((tx) => settlesAt(tx, []))).toBeNull()
})

async function due(stage: Stage = 'extract'): Promise<StageKey> {
  const key = { ...(await bench.upload()), stage }
  await bench.query('UPDATE greffier.stages SET stage = $2 WHERE document_id = $1', [key.document_id, stage])
  return key
}

function begin(key: StageKey) {
  return bench.tenant((tx) => beginStage(tx, key, { takeOver: true }))
}

function settled(key: StageKey) {
  return bench.tenant((tx) => whenSettled(tx, [key.document_id]))
}

async function openOf(key: StageKey): Promise<number[] | undefined> {
  const [row] = await bench.query<{ open_epochs: number[] }>('SELECT open_epochs FROM greffier.stages WHERE document_id = $1', [
    key.document_id,
  ])
  return row?.open_epochs
}

async function letPass(key: StageKey, ms: number): Promise<void> {
  await bench.query(`UPDATE greffier.stages SET started_at = started_at - $2 * interval '1 millisecond' WHERE document_id = $1`, [
    key.document_id,
    ms,
  ])
}
