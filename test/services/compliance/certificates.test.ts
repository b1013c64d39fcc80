import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCertificates } from '../../../services/compliance/rights/certificates.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { findErasure, requestErasure } from '../../../shared/database/erasures.ts'
import { loadRegister } from '../../../shared/runtime/policy-files.ts'
import { recordingLog } from '../../support/recording-log.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const REGISTER = new URL('../../../infra/processors.yaml', import.meta.url).pathname
/** More than one batch, and the next one. */
const UNREADABLE = 201

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('certificates that fail for one tenant keep those of another from nothing, and are tried again', async () => {
  const broken = await bench.tenants.create('broken')
  await request(broken, UNREADABLE)
  const other = await request(bench.tenantId)
  const [{ wrapped_key: key } = {}] = await bench.query<{ wrapped_key: Buffer }>(wrappedKey, [broken])
  await bench.query(setWrappedKey, [broken, Buffer.alloc(key?.length ?? 0)])
  const { log, lines } = recordingLog()
  const { register } = loadRegister(REGISTER)
  const pass = createCertificates({ ...bench, register, backupRetentionDays: 0, log })

  const said = [await pass(), await pass(), await pass()]
  expect(said).toEqual(['again', 'again', 'done'])
  expect(await certified(bench.tenantId, other)).toBe(true)
  expect(lines.map(({ fields }) => [fields.tenantId, fields.count, fields.code])).toEqual(
    [100, 100, 1].map((count) => [broken, count, 'DECRYPTION_FAILED']),
  )

  await bench.query(setWrappedKey, [broken, key])
  for (const _pass of said) await pass()
  const waiting = await bench.query('SELECT FROM greffier.erasure_requests WHERE certificate IS NULL')
  expect(waiting).toEqual([])
})

const wrappedKey = 'SELECT wrapped_key FROM greffier.tenants WHERE id = $1'
const setWrappedKey = 'UPDATE greffier.tenants SET wrapped_key = $2 WHERE id = $1'

/** For no document: done when it is made. Returns the last one's id. */
function request(tenantId: string, times = 1): Promise<string> {
  const draft = { keyId: null, ground: '17-1-a' as const, scope: { subject_ids: [], identified_by: ['email' as const] }, documentIds: [] }
  return withTenant(bench.database, tenantId, async (tx) => {
    for (let made = 1; made < times; made++) await requestErasure(tx, tenantId, draft)
    return requestErasure(tx, tenantId, draft)
  })
}

async function certified(tenantId: string, id: string): Promise<boolean> {
  return (await withTenant(bench.database, tenantId, (tx) => findErasure(tx, id))).certificate !== null
}
