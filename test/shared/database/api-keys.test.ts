import { afterAll, beforeAll, expect, test } from 'vitest'
import { authenticate, createApiKey, listApiKeys, revokeApiKey } from '../../../shared/database/api-keys.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('a key names its tenant and its scopes, and holds 256 random bits', async () => {
  const created = await create('reader')
  const [, , secret] = /^greffier_([0-9a-f]{32})_([A-Za-z0-9_-]{43})$/.exec(created.api_key) ?? []
  expect(Buffer.from(secret ?? '', 'base64url')).toHaveLength(32)
  expect((await create('reader')).api_key).not.toBe(created.api_key)
  expect(await authenticate(bench.database, created.api_key)).toEqual({
    tenantId: bench.tenantId,
    keyId: created.key_id,
    keyName: 'reader',
    scopes: ['documents:read', 'search'],
  })
})

test('the secret is in no column of any row', async () => {
  const { api_key } = await create('hidden')
  const secret = api_key.slice(-43)
  const rows = await bench.query<{ row: string }>('SELECT k::text AS row FROM greffier.api_keys k')
  const kept = rows.map((row) => row.row).join('\n')
  expect(kept).not.toContain(secret)
  expect(kept).not.toContain(Buffer.from(secret, 'base64url').toString('hex'))
  expect(kept).not.toContain(Buffer.from(secret).toString('hex'))
})

test('whatever is not exactly a living key is nobody', async () => {
  const [one, two] = [await create('one'), await create('two')]
  const last = one.api_key.at(-1)
  const wrong = [
    '',
    'greffier_',
    one.api_key.slice(0, -1),
    `${one.api_key}x`,
    ` ${one.api_key}`,
    `${one.api_key}\n`,
    one.api_key.toUpperCase(),
    `${one.api_key.slice(0, -2)}${last === 'A' ? 'B' : 'A'}${last}`,
    // One key's id with the other's secret.
    one.api_key.slice(0, -43) + two.api_key.slice(-43),
    `greffier_${'0'.repeat(32)}_${one.api_key.slice(-43)}`,
  ]
  for (const key of wrong) expect(await authenticate(bench.database, key), JSON.stringify(key)).toBeNull()
  expect(await authenticate(bench.database, one.api_key)).toMatchObject({ keyId: one.key_id })
})

test('a revoked key is nobody, stays listed with its first time of revocation, and the others live on', async () => {
  const [gone, kept] = [await create('gone'), await create('kept')]
  await bench.tenant((tx) => revokeApiKey(tx, gone.key_id))
  const revokedAt = (await list()).find((key) => key.key_id === gone.key_id)?.revoked_at
  expect(revokedAt).toEqual(expect.any(String))
  await bench.tenant((tx) => revokeApiKey(tx, gone.key_id))
  expect((await list()).find((key) => key.key_id === gone.key_id)?.revoked_at).toBe(revokedAt)
  expect(await authenticate(bench.database, gone.api_key)).toBeNull()
  expect(await authenticate(bench.database, kept.api_key)).not.toBeNull()
})

test('another tenant neither sees nor revokes a key', async () => {
  const mine = await create('mine')
  const other = await bench.tenants.create('other')
  const asOther = <Result>(work: Parameters<typeof withTenant<Result>>[2]) => withTenant(bench.database, other, work)
  expect(await asOther(listApiKeys)).toEqual([])
  await expect(asOther((tx) => revokeApiKey(tx, mine.key_id))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect(await authenticate(bench.database, mine.api_key)).not.toBeNull()
})

function create(name: string) {
  return bench.tenant((tx) => createApiKey(tx, bench.tenantId, name, ['documents:read', 'search']))
}

function list() {
  return bench.tenant(listApiKeys)
}
