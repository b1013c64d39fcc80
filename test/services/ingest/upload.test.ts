import { afterAll, beforeAll, expect, test } from 'vitest'
import { createUpload, type IncomingDocument } from '../../../services/ingest/upload.ts'
import { UploadOptions } from '../../../shared/contracts/document.ts'
import type { NO_FAULTS } from '../../../shared/runtime/faults.ts'
import { createMetrics } from '../../../shared/runtime/metrics.ts'
import { recordingLog } from '../../support/recording-log.ts'
import { retentionRules } from '../../support/retention.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('an upload that names a schema that there is not is refused before its first byte is read', async () => {
  const { database, vault, blobs, tenants, tenantId } = bench
  const points: string[] = []
  const passPoint: typeof NO_FAULTS = (point) => void points.push(point)
  const services = {
    database,
    vault,
    blobs,
    tenants,
    metrics: createMetrics(),
    log: recordingLog().log,
    passPoint,
    uploadBytesMax: 1_000,
    retention: retentionRules(),
  }
  let read = false
  const incoming: IncomingDocument = {
    tenantId,
    key: { key_id: crypto.randomUUID(), name: 'a test' },
    source: (async function* () {
      read = true
      yield Buffer.from('Hello.')
    })(),
    hints: { fileName: 'letter.txt' },
    schemaName: 'nothing',
    options: () => UploadOptions.parse({ schema: 'nothing' }),
    idempotencyKey: 'a-key',
  }
  await expect(createUpload(services)(incoming)).rejects.toMatchObject({ code: 'SCHEMA_UNKNOWN' })
  expect(read).toBe(false)
  expect(points).toEqual([])
})
