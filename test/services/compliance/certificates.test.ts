import { afterAll, beforeAll, expect, test } from 'vitest'
import { issueCertificate } from '../../../services/compliance/rights/certificate.ts'
import { createCertificates } from '../../../services/compliance/rights/certificates.ts'
import { ErasureCertificate } from '../../../shared/contracts/erasure-certificate.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { findStored } from '../../../shared/database/documents.ts'
import { findErasure, requestErasure, settleErasure } from '../../../shared/database/erasures.ts'
import { liftHold, placeHold } from '../../../shared/database/restrictions.ts'
import { completeStage } from '../../../shared/database/stages.ts'
import { parseNote } from '../../../shared/ledger/note.ts'
import { loadRegister } from '../../../shared/runtime/policy-files.ts'
import { recordingLog } from '../../support/recording-log.ts'
import { waitUntil } from '../../support/wait.ts'
import { blockedTransactions, openWorkbench, type Workbench } from '../../support/workbench.ts'

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

test('a certificate that is in the making while what it calls remaining is erased is issued again', async () => {
  const key = await bench.upload()
  const held = (work: typeof liftHold) => bench.tenant(async (tx) => work(tx, await findStored(tx, key.document_id, 'update'), newId()))
  await held(async (tx, row) => {
    await placeHold(tx, row, { keyId: newId(), reason: '17-3-e', until: null, sealedText: null, textCommit: null })
  })
  const erasureOf = () =>
    bench.tenant((tx) =>
      requestErasure(tx, bench.tenantId, {
        keyId: null,
        ground: '17-1-a',
        scope: { document_ids: [key.document_id] },
        documentIds: [key.document_id],
      }),
    )
  const refused = await erasureOf()
  await held(liftHold)
  await erasureOf()

  const services = { ...bench, register: loadRegister(REGISTER).register, backupRetentionDays: 0, log: recordingLog().log }
  const [made, kept] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const making = bench.tenant(async (tx) => {
    await issueCertificate(tx, services, refused)
    made.resolve()
    await kept.promise
  })
  await made.promise
  let settled = false
  const settling = bench.tenant(async (tx) => {
    await settleErasure(tx, key.document_id)
    await completeStage(tx, { ...key, stage: 'erase' }, { returned: true })
    settled = true
  })
  await waitUntil(async () => settled || (await blockedTransactions(bench)) > 0, 'the erasure to come to the request')
  kept.resolve()
  await Promise.all([making, settling])
  expect(await statusOf(refused)).toBe('logical_only')
  await createCertificates(services)()
  expect(await statusOf(refused)).toBe('complete')
})

async function statusOf(id: string): Promise<string> {
  const { certificate } = await bench.tenant((tx) => findErasure(tx, id))
  return ErasureCertificate.parse(JSON.parse(parseNote(certificate ?? '').text)).status.state
}

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
