import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { UploadAccepted } from '../../../shared/contracts/document.ts'
import { withSystem, withTenant } from '../../../shared/database/connection.ts'
import { claimIdempotencyKey, forgetOldKeys, keepIdempotentAnswer } from '../../../shared/database/idempotency.ts'
import { waitUntil } from '../../support/wait.ts'
import { blockedTransactions, openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench
let answer: UploadAccepted

beforeAll(async () => {
  bench = await openWorkbench()
  const { document_id, revision } = await bench.upload()
  answer = { document_id, revision, status: 'received', outcome: 'created' }
})
afterAll(() => bench.close())

test('a second request with a key waits for the first one to commit, and gets its answer', async () => {
  const [key, request] = [randomBytes(32), randomBytes(32)]
  let second: Promise<UploadAccepted | null> | undefined
  await bench.tenant(async (tx) => {
    expect(await claimIdempotencyKey(tx, key, request)).toBeNull()
    second = bench.tenant((other) => claimIdempotencyKey(other, key, request))
    await waitUntil(async () => (await blockedTransactions(bench)) === 1, 'the second request to wait')
    await keepIdempotentAnswer(tx, bench.tenantId, key, request, answer)
  })
  expect(await second).toEqual(answer)
})

test('twenty requests at once with one key do the work once, and all get its answer', async () => {
  const [key, request] = [randomBytes(32), randomBytes(32)]
  let worked = 0
  const answers = await Promise.all(
    Array.from({ length: 20 }, () =>
      bench.tenant(async (tx) => {
        const kept = await claimIdempotencyKey(tx, key, request)
        if (kept) return kept
        worked++
        await keepIdempotentAnswer(tx, bench.tenantId, key, request, answer)
        return answer
      }),
    ),
  )
  expect(worked).toBe(1)
  expect(answers).toEqual(Array.from({ length: 20 }, () => answer))
})

test('a key whose request failed is free again', async () => {
  const [key, request] = [randomBytes(32), randomBytes(32)]
  const failing = bench.tenant(async (tx) => {
    await claimIdempotencyKey(tx, key, request)
    await keepIdempotentAnswer(tx, bench.tenantId, key, request, answer)
    throw new Error('the request failed')
  })
  await expect(failing).rejects.toThrow('the request failed')
  expect(await bench.tenant((tx) => claimIdempotencyKey(tx, key, request))).toBeNull()
})

test('a key that comes with another request is a conflict', async () => {
  const [key, request] = [randomBytes(32), randomBytes(32)]
  await bench.tenant((tx) => keepIdempotentAnswer(tx, bench.tenantId, key, request, answer))
  await expect(bench.tenant((tx) => claimIdempotencyKey(tx, key, randomBytes(32)))).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
})

test('another tenant’s key is a new key, and both are kept', async () => {
  const [key, request] = [randomBytes(32), randomBytes(32)]
  await bench.tenant((tx) => keepIdempotentAnswer(tx, bench.tenantId, key, request, answer))
  const other = await bench.tenants.create('other')
  const { document_id } = await bench.upload({ tenantId: other })
  const claimed = await withTenant(bench.database, other, async (tx) => {
    const kept = await claimIdempotencyKey(tx, key, randomBytes(32))
    await keepIdempotentAnswer(tx, other, key, request, { ...answer, document_id })
    return kept
  })
  expect(claimed).toBeNull()
})

test('a key is forgotten after a day and not before', async () => {
  const keys = [randomBytes(32), randomBytes(32)] as const
  const request = randomBytes(32)
  for (const key of keys) await bench.tenant((tx) => keepIdempotentAnswer(tx, bench.tenantId, key, request, answer))
  const age = `UPDATE greffier.idempotency SET created_at = now() - $2::interval WHERE key_hmac = $1`
  await bench.query(age, [keys[0], '24 hours 1 minute'])
  await bench.query(age, [keys[1], '23 hours 59 minutes'])
  await withSystem(bench.database, forgetOldKeys)
  expect(await bench.tenant((tx) => claimIdempotencyKey(tx, keys[0], request))).toBeNull()
  expect(await bench.tenant((tx) => claimIdempotencyKey(tx, keys[1], request))).toEqual(answer)
})
