import { afterAll, beforeAll, expect, test } from 'vitest'
import { beginAccess, readNames } from '../../../services/compliance/records/annex.ts'
import { createUpload } from '../../../services/ingest/upload.ts'
import { seal } from '../../../shared/blobs/keys.ts'
import { UploadOptions } from '../../../shared/contracts/document.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import type { SaltedAnnex } from '../../../shared/contracts/record.ts'
import { sealAnnex } from '../../../shared/database/annex.ts'
import { readRecord } from '../../../shared/database/events.ts'
import { checkAnnex } from '../../../shared/ledger/annex-commitment.ts'
import { createMetrics } from '../../../shared/runtime/metrics.ts'
import { recordingLog } from '../../support/recording-log.ts'
import { retentionRules } from '../../support/retention.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const KEY = { key_id: newId(), name: 'Adelgunde Zeisig' }
const TOLD = { file_name: 'letter.txt', metadata: { case: 'H-1' } }

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

async function upload(): Promise<string> {
  const { database, vault, blobs, tenants, tenantId } = bench
  const { log } = recordingLog()
  const services = { database, vault, blobs, tenants, metrics: createMetrics(), log, passPoint: () => undefined, uploadBytesMax: 1_000 }
  const { document_id } = await createUpload({ ...services, retention: retentionRules() })({
    tenantId,
    key: KEY,
    source: (async function* () {
      yield Buffer.from(`Hello ${newId()}.`)
    })(),
    hints: { fileName: 'letter.txt' },
    schemaName: undefined,
    options: () => UploadOptions.parse(TOLD),
    idempotencyKey: undefined,
  })
  return document_id
}

async function shown(id: string): Promise<SaltedAnnex> {
  const access = await beginAccess(bench, { tenantId: bench.tenantId, keyId: newId() }, 'Case 4711: the authority asks.')
  const annex = (await readNames(bench, access, { documentIds: [id], eventIds: [] })).annexes[id]
  if (!annex) throw new Error('no annex is shown')
  return annex
}

async function check(id: string) {
  return checkAnnex(id, await shown(id), await bench.tenant((tx) => readRecord(tx, id)))
}

async function columnKeys(documentId: string) {
  const { tenantId, tenants, vault } = bench
  return vault.keys({ tenantId, documentId, tenantKey: (await tenants.keys(tenantId)).documents })
}

const replace = (id: string, sealed: Buffer) => bench.query('UPDATE greffier.documents SET sealed_annex = $1 WHERE id = $2', [sealed, id])

test('the event of an upload commits to exactly what is shown of its annex, in the words of then', async () => {
  const id = await upload()
  expect(await shown(id)).toEqual({ ...TOLD, uploaded_by: KEY, salt: expect.any(String) })
  const [event] = await bench.tenant((tx) => readRecord(tx, id))
  expect(event).toMatchObject({ operation: 'Collect', step: 'upload', annex_commit: expect.stringMatching(/^[0-9a-f]{64}$/) })
  expect(await check(id)).toEqual({ state: 'committed', event_id: event?.event_id })
})

test.each<[string, (annex: SaltedAnnex, id: string) => Promise<Buffer>]>([
  ['sealed anew by the product', async (annex, id) => sealAnnex(await columnKeys(id), id, { ...annex, file_name: 'other.txt' }).sealed],
  [
    'with another name under the salt that it had',
    async (annex, id) => seal((await columnKeys(id)).column, JSON.stringify({ ...annex, file_name: 'other.txt' }), `${id}/annex`),
  ],
  [
    'with another uploader under the salt that it had',
    async (annex, id) => seal((await columnKeys(id)).column, JSON.stringify({ ...annex, uploaded_by: null }), `${id}/annex`),
  ],
  [
    'that has lost its salt',
    async ({ salt: _, ...annex }, id) => seal((await columnKeys(id)).column, JSON.stringify(annex), `${id}/annex`),
  ],
])('an annex that somebody changed in the database is caught: %s', async (_what, change) => {
  const id = await upload()
  const { state, ...event } = await check(id)
  expect(state).toBe('committed')
  await replace(id, await change(await shown(id), id))
  expect(await check(id)).toEqual({ state: 'differs', ...event })
})
