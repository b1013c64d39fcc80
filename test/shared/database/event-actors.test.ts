import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../../shared/contracts/ids.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { requestErasure } from '../../../shared/database/erasures.ts'
import { appendOrdered, readOrderers } from '../../../shared/database/event-actors.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

const KEY = newId()
const read = (ids: string[], tenantId = bench.tenantId) => withTenant(bench.database, tenantId, (tx) => readOrderers(tx, ids))
const order = (keyId: string | null = KEY) =>
  bench.tenant((tx) => appendOrdered(tx, { tenantId: bench.tenantId, keyId }, { operation: 'Store', step: 'step', phase: 'completed' }))

test('another tenant that knows the id of an event learns of nobody who ordered it', async () => {
  const id = await order()
  expect(await read([id])).toEqual(new Map([[id, KEY]]))
  expect(await read([id], await bench.tenants.create('other'))).toEqual(new Map())
})

test('an erasure that a rule began was ordered by nobody, and one that a key began by that key', async () => {
  const draft = { ground: null, scope: { document_ids: [newId()] }, documentIds: [] }
  for (const keyId of [null, KEY]) {
    const request = await bench.tenant((tx) => requestErasure(tx, bench.tenantId, { ...draft, keyId }))
    const [event] = await bench.query<{ id: string }>(`SELECT id FROM greffier.events WHERE body LIKE '%' || $1 || '%'`, [request])
    expect(await read([event?.id ?? ''])).toEqual(new Map(keyId === null ? [] : [[event?.id, keyId]]))
  }
})

test('an event whose text was damaged keeps nobody from being told who ordered it and the others', async () => {
  const ids = [await order(), await order()]
  await bench.query(`UPDATE greffier.events SET body = 'damaged' WHERE id = $1`, [ids[0]])
  expect(await read(ids)).toEqual(new Map(ids.map((id) => [id, KEY])))
})
