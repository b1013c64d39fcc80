import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../../shared/contracts/ids.ts'
import type { EventDraft } from '../../../shared/contracts/record.ts'
import { withTenant } from '../../../shared/database/connection.ts'
import { appendEvent } from '../../../shared/database/events.ts'
import { readExperience } from '../../../shared/database/experience.ts'
import { plansOf } from '../../support/plans.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
  // Of two pages each: 1,000, 2,000, … 5,000 characters a page, and 100, 200, … 500 tokens for one.
  for (const times of [1, 2, 3, 4, 5]) {
    const id = await document(times)
    await call(id, 'extract', true, 200 * times, 20)
    // Rules read no tokens: they say nothing of what a model would use.
    await call(id, 'classify', false, 0, 0)
  }
})
afterAll(() => bench.close())

test('what documents were like is quartiles by type, of the pages that they have', async () => {
  const { sizes } = await bench.tenant(readExperience)
  expect(sizes).toEqual([
    {
      media_type: 'application/pdf',
      documents: 5,
      characters_per_page: { low: 2_000, high: 4_000 },
      bytes_per_page: { low: 30_000, high: 30_000 },
    },
  ])
})

test('what models used is quartiles by type and task, for a page', async () => {
  const { tokens } = await bench.tenant(readExperience)
  expect(tokens).toEqual([
    {
      media_type: 'application/pdf',
      task: 'extract',
      documents: 5,
      tokens_in_per_page: { low: 200, high: 400 },
      tokens_out_per_page: { low: 10, high: 10 },
    },
  ])
})

test('nothing of another tenant is known', async () => {
  const other = await bench.tenants.create('other')
  expect(await withTenant(bench.database, other, readExperience)).toEqual({ sizes: [], tokens: [] })
})

test('the newest calls are found by the index of those that were answered', async () => {
  await bench.query('VACUUM ANALYZE greffier.events')
  const plans = await plansOf(bench, readExperience)
  expect(plans.join('\n')).toContain('events_answered')
})

async function document(times: number): Promise<string> {
  const id = newId()
  await bench.query(
    `INSERT INTO greffier.documents (id, tenant_id, status, media_type, bytes, sensitivity, data_classes, purpose)
     VALUES ($1, $2, 'completed', 'application/pdf', 60000, 'internal', '{personal}', 'document_processing')`,
    [id, bench.tenantId],
  )
  await bench.query(`INSERT INTO greffier.revisions (tenant_id, document_id, revision, cause) VALUES ($2, $1, 1, 'upload')`, [
    id,
    bench.tenantId,
  ])
  await bench.query(
    `INSERT INTO greffier.pages (tenant_id, document_id, revision, number, method, characters, sealed_text)
     SELECT $2, $1, 1, number, 'pdf_text', $3::int, '' FROM generate_series(1, 2) number`,
    [id, bench.tenantId, 1_000 * times],
  )
  return id
}

async function call(
  doc_ref: string,
  task: 'classify' | 'extract',
  language_model: boolean,
  tokens_in: number,
  tokens_out: number,
): Promise<void> {
  const draft: EventDraft = {
    operation: 'Infer',
    step: 'enrich',
    phase: 'intent',
    doc_ref,
    revision: 1,
    model: {
      task,
      requested: 'm',
      returned: null,
      language_model,
      tokens_in,
      tokens_cached: null,
      tokens_out,
      provider_request_id: null,
      schema_hash: null,
      prompt_hmac: null,
      cost: null,
    },
  }
  const intent = await bench.tenant((tx) => appendEvent(tx, bench.tenantId, draft))
  await bench.tenant((tx) => appendEvent(tx, bench.tenantId, { ...draft, phase: 'completed', result: 'ok' }, intent))
}
