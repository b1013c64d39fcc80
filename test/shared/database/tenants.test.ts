import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../../shared/contracts/ids.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { createTenants } from '../../../shared/database/tenants.ts'
import { waitUntil } from '../../support/wait.ts'
import { blockedTransactions, openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('a tenant’s keys are the same in every process with the master key, and different for each use and each tenant', async () => {
  const masterKey = randomBytes(32)
  const first = createTenants(bench.database, masterKey)
  const [one, two] = [await first.create('one'), await first.create('two')]
  const [mine, others] = [await first.keys(one), await first.keys(two)]
  expect(await createTenants(bench.database, masterKey).keys(one)).toEqual(mine)
  const all = [...Object.values(mine), ...Object.values(others)].map((key: Buffer) => key.toString('hex'))
  expect(new Set(all).size).toBe(10)
})

test('under another master key a tenant’s keys do not open, and no key stands in the database in the clear', async () => {
  const masterKey = randomBytes(32)
  const id = await createTenants(bench.database, masterKey).create('locked')
  await expect(createTenants(bench.database, randomBytes(32)).keys(id)).rejects.toMatchObject({ code: 'DECRYPTION_FAILED' })
  const keys = await createTenants(bench.database, masterKey).keys(id)
  const [row] = await bench.query<{ row: string }>('SELECT t::text AS row FROM greffier.tenants t WHERE id = $1', [id])
  for (const key of [masterKey, ...Object.values(keys)]) expect(row?.row).not.toContain(key.toString('hex'))
})

test('one tenant’s wrapped key does not open as another’s', async () => {
  const tenants = createTenants(bench.database, randomBytes(32))
  const [one, two] = [await tenants.create('one'), await tenants.create('two')]
  await bench.query('UPDATE greffier.tenants SET wrapped_key = (SELECT wrapped_key FROM greffier.tenants WHERE id = $1) WHERE id = $2', [
    one,
    two,
  ])
  await expect(tenants.keys(two)).rejects.toMatchObject({ code: 'DECRYPTION_FAILED' })
})

test('an unknown tenant has no keys', async () => {
  await expect(bench.tenants.keys(newId())).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('of two who bind a tenant’s embedder and both found none, the second is told what the first one bound', async () => {
  const id = await bench.tenants.create('raced')
  let binding: Promise<string[]> | undefined
  await withTenant(bench.database, id, async (tx) => {
    await tx.selectFrom('tenants').select('id').forUpdate().execute()
    binding = Promise.all(['processor/one', 'processor/two'].map((wanted) => bench.tenants.bindEmbedder(id, wanted)))
    await waitUntil(async () => (await blockedTransactions(bench)) === 2, 'both to wait')
  })
  const told = await binding
  expect(told?.[0]).toBe(told?.[1])
})

test('of many who bind a tenant’s embedder at once one wins, and all are told which', async () => {
  const id = await bench.tenants.create('bound')
  const told = await Promise.all(Array.from({ length: 20 }, (_, at) => bench.tenants.bindEmbedder(id, `processor/${at}`)))
  expect(new Set(told).size).toBe(1)
  expect(await bench.tenants.bindEmbedder(id, 'processor/late')).toBe(told[0])
})
