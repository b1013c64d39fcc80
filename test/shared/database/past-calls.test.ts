import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { questionSubject } from '../../../services/retrieval/search.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import type { EventDraft } from '../../../shared/contracts/record.ts'
import { appendEvent } from '../../../shared/database/events.ts'
import { QUESTION, readPastCalls } from '../../../shared/database/past-calls.ts'
import type { PastCall, UnknownCall } from '../../../shared/policy/replay.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

let bench: Workbench
let after: string | null = null

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())
beforeEach(async () => {
  const [last] = await bench.query<{ seq: string | null }>('SELECT max(seq) AS seq FROM greffier.events')
  after = last?.seq ?? null
})

const DRAFT: EventDraft = {
  operation: 'Infer',
  step: 'enrich',
  phase: 'intent',
  purpose: 'payroll',
  recipient: {
    processor: 'mistral',
    endpoint: 'https://one.example https://two.example',
    region: 'eu',
    register_hash: 'h',
    subprocessor_set_hash: null,
  },
  model: {
    task: 'extract',
    requested: 'm',
    returned: null,
    language_model: true,
    tokens_in: null,
    tokens_cached: null,
    tokens_out: null,
    provider_request_id: null,
    schema_hash: null,
    prompt_hmac: null,
    cost: null,
  },
}

describe('past calls', () => {
  test('are intents and refusals, each once, whatever became of them', async () => {
    const { document_id: doc_ref } = await bench.upload()
    const draft = { ...DRAFT, doc_ref, sensitivity: 'internal', special: false, criminal: false } as const
    const completed = await append(draft)
    await append({ ...draft, phase: 'completed', result: 'ok' }, completed)
    // What the rule wanted masked could not be: the intent is closed as refused, and nothing was sent.
    const unmaskable = await append(draft)
    await append({ ...draft, phase: 'refused' }, unmaskable)
    const lost = await append(draft)
    await append({ ...draft, phase: 'outcome_unknown' }, lost)
    await append({ ...draft, phase: 'refused' })
    await append({ operation: 'Collect', step: 'upload', phase: 'completed', doc_ref })

    const calls = (await read()) as PastCall[]
    expect(calls.map(({ was }) => was)).toEqual(['allowed', 'refused', 'allowed', 'refused'])
    expect(calls[0]).toMatchObject({
      tenant_id: bench.tenantId,
      task: 'extract',
      recipient: { processor: 'mistral', region: 'eu', endpoints: ['https://one.example', 'https://two.example'] },
      subjects: [{ sensitivity: 'internal', purpose: 'payroll', readings: [['personal']] }],
      document_ids: [doc_ref],
    })
  })

  test('of one document have the classes that the event had, and of the catalogue only whether it was personal', async () => {
    const { document_id: doc_ref } = await bench.upload({ options: { data_classes: ['personal', 'special'] } })
    const draft = { ...DRAFT, doc_ref, sensitivity: 'internal' } as const
    await append({ ...draft, special: false, criminal: false })
    await append({ ...draft, special: true, criminal: false })
    await append(draft)
    expect(await readings()).toEqual([[['personal']], [['special', 'personal']], [['personal', 'special']]])
  })

  test('of a document whose classes were raised since may have been about nobody or about somebody', async () => {
    const { document_id: doc_ref } = await bench.upload({ options: { data_classes: ['none'] } })
    await bench.query(`UPDATE greffier.documents SET data_classes = '{special}' WHERE id = $1`, [doc_ref])
    await append({ ...DRAFT, doc_ref, sensitivity: 'public', special: false, criminal: false })
    expect(await readings()).toEqual([[['none'], ['personal']]])
  })

  test('of a question have its class and those of every document that it showed, also of one that is erased', async () => {
    const plain = await bench.upload({ options: { data_classes: ['none'], sensitivity: 'public', purpose: 'manuals' } })
    const erased = await bench.upload({ options: { data_classes: ['criminal'] } })
    await bench.query(`UPDATE greffier.documents SET erased_at = now(), status = 'erased' WHERE id = $1`, [erased.document_id])
    const hits = [plain, erased, plain].map(({ document_id, revision }) => ({ doc_ref: document_id, revision, page: 1 }))
    await append({ ...DRAFT, step: 'answer', purpose: 'question_answering', hits })
    const [call] = (await read()) as PastCall[]
    expect(call?.subjects).toEqual([
      { sensitivity: 'internal', purpose: 'question_answering', readings: [['personal']] },
      { sensitivity: 'public', purpose: 'manuals', readings: [['none']] },
      { sensitivity: 'internal', purpose: 'document_processing', readings: [['criminal']] },
    ])
    expect(call?.document_ids).toEqual([plain.document_id, erased.document_id])
  })

  test('that cannot be judged are unknown, each with its reason', async () => {
    const { document_id: doc_ref } = await bench.upload()
    await append({ ...DRAFT, doc_ref: newId() })
    await append({ ...DRAFT, doc_ref, recipient: null })
    await old({ ...DRAFT, doc_ref }, (body) => body.replace('"task":"extract"', '"task":"enrich"'))
    await old({ ...DRAFT, doc_ref }, (body) => body.replace('"hits":[]', '"hits":"none"'))
    expect(((await read()) as UnknownCall[]).map(({ unknown }) => unknown)).toEqual([
      'a document of the call is not in the catalogue',
      'the event names no recipient',
      'the task enrich is none of those of today',
      'the event has another form than those of today',
    ])
  })

  test('come page by page, each once', async () => {
    const { document_id: doc_ref } = await bench.upload()
    const id = await append({ ...DRAFT, doc_ref, special: false, criminal: false })
    await bench.query(
      `INSERT INTO greffier.events (id, tenant_id, document_ids, phase, body)
       SELECT gen_random_uuid(), tenant_id, document_ids, phase, body FROM greffier.events, generate_series(1, 2400) WHERE id = $1`,
      [id],
    )
    let calls = 0
    let pages = 0
    let position = after
    do {
      const page = await bench.tenant((tx) => readPastCalls(tx, { tenantId: bench.tenantId, from: null, to: null, after: position }))
      calls += page.calls.length
      pages += 1
      position = page.after
    } while (position !== null)
    expect([calls, pages]).toEqual([2_401, 3])
  })
})

test('a question is what retrieval asks as', () => {
  const { sensitivity, data_classes } = questionSubject('Who is it?')
  expect(QUESTION).toEqual({ sensitivity, data_classes })
})

async function read(): Promise<(PastCall | UnknownCall)[]> {
  return (await bench.tenant((tx) => readPastCalls(tx, { tenantId: bench.tenantId, from: null, to: null, after }))).calls
}

async function readings() {
  return ((await read()) as PastCall[]).map(({ subjects }) => subjects.map((subject) => subject.readings)[0])
}

function append(draft: EventDraft, closes: string | null = null): Promise<string> {
  return bench.tenant((tx) => appendEvent(tx, bench.tenantId, draft, closes))
}

/** An event as an older version wrote it. */
async function old(draft: EventDraft, change: (body: string) => string): Promise<void> {
  const id = await append(draft)
  const [row] = await bench.query<{ body: string }>('SELECT body FROM greffier.events WHERE id = $1', [id])
  await bench.query('UPDATE greffier.events SET body = $2 WHERE id = $1', [id, change(row?.body ?? '')])
}
