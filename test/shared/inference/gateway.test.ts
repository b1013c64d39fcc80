import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DataClass } from '../../../shared/contracts/document.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import { readCosts } from '../../../shared/database/costs.ts'
import { buryDocument } from '../../../shared/database/documents.ts'
import { readRecord } from '../../../shared/database/events.ts'
import { schemaFor } from '../../../shared/inference/extraction/shipped.ts'
import type { CallSubject, ModelGateway } from '../../../shared/inference/gateway.ts'
import type { Provider, Task } from '../../../shared/inference/provider.ts'
import type { DayBudget } from '../../../shared/limits/day-budget.ts'
import { fakeProvider, POLICY_HASH, PRICES, REGISTER_HASH, testGateway } from '../../support/providers.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const NO_TEXT = { tokens: 0, language: null }
const REQUEST = { schema: schemaFor('letter'), language: null }

let bench: Workbench

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())

test('the intent is committed before the provider is called, and closed when the call has ended', async () => {
  const subject = subjectOf(['personal'])
  let seen: { phase: string; open: boolean }[] = []
  const watching = fakeProvider('inside', {
    extract: async (pages, request, signal) => {
      // Over another connection: what is not committed cannot be seen there.
      seen = await bench.query(
        `SELECT e.phase, o.event_id IS NOT NULL AS open FROM greffier.events e LEFT JOIN greffier.open_intents o ON o.event_id = e.id
         WHERE e.document_ids @> ARRAY[$1::uuid]`,
        [subject.document_id],
      )
      return fakeProvider('inside').extract(pages, request, signal)
    },
  })
  const result = await enrich([watching], [subject])
  expect(seen).toEqual([{ phase: 'intent', open: true }])
  expect(result.provider.processor).toBe('inside')

  const [intent, completed, ...more] = await record(subject)
  expect(more).toEqual([])
  expect(intent).toMatchObject({
    phase: 'intent',
    operation: 'Infer',
    step: 'extract',
    result: null,
    doc_ref: subject.document_id,
    revision: 1,
    purpose: 'invoice_processing',
    special: false,
    recipient: {
      processor: 'inside',
      endpoint: 'in-process',
      region: 'in-process',
      register_hash: REGISTER_HASH,
      subprocessor_set_hash: sha256('[]'),
    },
    policy: { hash: POLICY_HASH, rule: 'personal-inside', outcome: 'allowed', failed: [] },
    model: { task: 'extract', requested: 'inside-chat', returned: null, language_model: false, tokens_in: null },
    ai_generated: false,
  })
  expect(completed).toMatchObject({
    phase: 'completed',
    result: 'ok',
    parent_events: [intent?.event_id],
    model: { requested: 'inside-chat', returned: 'inside-1', tokens_in: 3, tokens_out: 2, provider_request_id: 'inside-request' },
    duration_ms: expect.any(Number),
  })
  expect(await openIntents()).toBe(0)
})

test('every event of a call names who stood behind the processor, whether it was called or refused', async () => {
  const [called, refused] = [subjectOf(['none']), subjectOf(['personal'])]
  await call(testGateway(bench.database, [fakeProvider('outside')]), [called], 'extract')
  await expect(enrich([fakeProvider('outside')], [refused])).rejects.toMatchObject({ code: 'POLICY_REFUSED' })
  const sets = [...(await record(called)), ...(await record(refused))].map(({ phase, recipient }) => [
    phase,
    recipient?.subprocessor_set_hash,
  ])
  const ivy = sha256('[{"country":"FR","entity":"Ivy SAS"}]')
  expect(sets).toEqual([
    ['intent', ivy],
    ['completed', ivy],
    ['refused', ivy],
  ])
})

test('the cost of a call stands in its event, and the report sums what is priced and counts what is not', async () => {
  const [priced, unpriced] = [subjectOf(['none']), subjectOf(['personal'])]
  await call(testGateway(bench.database, [fakeProvider('outside')]), [priced], 'extract')
  await call(testGateway(bench.database, [fakeProvider('inside')]), [unpriced], 'extract')
  expect((await record(priced)).at(-1)?.model?.cost).toEqual({
    micro_eur: 23,
    currency: 'EUR',
    rate_micro_eur: 1_000_000,
    price_read_on: '2026-11-22',
    rate_read_on: '2026-11-22',
  })
  expect((await record(unpriced)).at(-1)?.model?.cost).toBeNull()

  const costs = (filter: { from?: string; to?: string; documentId?: string | null }) =>
    bench.tenant((tx) => readCosts(tx, { tenantId: bench.tenantId, from: null, to: null, documentId: null, by: null, ...filter }))
  const line = { processor: 'outside', model: 'outside-chat', task: 'extract', purpose: 'invoice_processing' }
  expect(await costs({ documentId: priced.document_id })).toMatchObject({
    from: null,
    to: null,
    micro_eur: 23,
    calls: 1,
    unpriced_calls: 0,
    lines: [{ ...line, calls: 1, unpriced_calls: 0, tokens_in: 3, tokens_cached: 0, tokens_out: 2, micro_eur: 23 }],
  })
  expect(await costs({ documentId: unpriced.document_id })).toMatchObject({ micro_eur: 0, calls: 1, unpriced_calls: 1 })
  const past = '2020-01-01T00:00:00Z'
  expect((await costs({ from: past, documentId: priced.document_id })).calls).toBe(1)
  expect(await costs({ to: past })).toMatchObject({ calls: 0, lines: [] })
})

test('where the policy refuses, the provider is never called, and the refusal is on record with its rule and what failed', async () => {
  const subject = subjectOf(['personal'])
  await expect(enrich([uncallable('outside')], [subject])).rejects.toMatchObject({ code: 'POLICY_REFUSED' })
  const events = await record(subject)
  expect(events).toMatchObject([
    {
      phase: 'refused',
      result: null,
      recipient: { processor: 'outside' },
      policy: {
        rule: 'personal-inside',
        outcome: 'refused',
        failed: [{ requirement: expect.stringContaining('deployment'), found: 'hosted' }],
      },
    },
  ])
  expect(await openIntents()).toBe(0)
})

test('where no rule speaks of the data, nothing is called', async () => {
  const subject = subjectOf(['special'])
  await expect(enrich([uncallable('inside'), uncallable('outside')], [subject])).rejects.toMatchObject({ code: 'POLICY_REFUSED' })
  expect(await record(subject)).toMatchObject([
    { phase: 'refused', special: true, policy: { rule: null, outcome: 'refused' } },
    { phase: 'refused', special: true, policy: { rule: null, outcome: 'refused' } },
  ])
})

test('a provider that is refused is passed over for the next that is allowed, and both are on record', async () => {
  const subject = subjectOf(['personal'])
  const result = await enrich([uncallable('outside'), fakeProvider('inside')], [subject])
  expect(result.provider.processor).toBe('inside')
  expect((await record(subject)).map((event) => [event.phase, event.recipient?.processor])).toEqual([
    ['refused', 'outside'],
    ['intent', 'inside'],
    ['completed', 'inside'],
  ])
})

test('the first provider that is allowed is the only one that sees the data', async () => {
  const subject = subjectOf(['none'])
  const result = await enrich([fakeProvider('outside'), uncallable('inside')], [subject])
  expect(result.provider.processor).toBe('outside')
  expect(await record(subject)).toMatchObject([
    { phase: 'intent', ai_generated: true },
    { phase: 'completed', ai_generated: true },
  ])
})

test.each([
  ['second', ['none'], ['personal']],
  ['first', ['personal'], ['none']],
] as const)('a call over two documents goes nowhere when the %s may not', async (_which, one, two) => {
  const subjects = [subjectOf([...one]), subjectOf([...two])]
  const gateway = testGateway(bench.database, [uncallable('outside')])
  await expect(call(gateway, subjects, 'answer')).rejects.toMatchObject({ code: 'POLICY_REFUSED' })
  for (const subject of subjects) {
    expect(await record(subject)).toMatchObject([
      { phase: 'refused', doc_ref: null, hits: subjects.map((of) => ({ doc_ref: of.document_id, revision: 1, page: 2 })) },
    ])
  }
})

test('a call without any subject is refused: what it would show is not known', async () => {
  const gateway = testGateway(bench.database, [uncallable('inside')])
  await expect(call(gateway, [], 'answer')).rejects.toMatchObject({ code: 'POLICY_REFUSED' })
})

test('only the processor that the caller is bound to is asked', async () => {
  const subject = subjectOf(['none'])
  const gateway = testGateway(bench.database, [uncallable('outside'), fakeProvider('inside')])
  const result = await call(gateway, [subject], 'embed', 'inside')
  expect(result.provider.processor).toBe('inside')
  expect((await record(subject)).map((event) => event.recipient?.processor)).toEqual(['inside', 'inside'])
  await expect(call(gateway, [subject], 'embed', 'elsewhere')).rejects.toMatchObject({ code: 'POLICY_REFUSED' })
})

describe('a provider that fails', () => {
  test.each([
    ['its own code', new AppError('MODEL_UNAVAILABLE', 'HTTP 503'), 'MODEL_UNAVAILABLE'],
    ['INTERNAL where it is not ours, and none of its words', new Error('Anna Müller is not valid JSON'), 'INTERNAL'],
  ])('closes the intent as failed with %s, and the caller gets the error', async (_what, error, code) => {
    const subject = subjectOf(['personal'])
    const failing = fakeProvider('inside', { extract: () => Promise.reject(error) })
    await expect(enrich([failing], [subject])).rejects.toBe(error)
    const events = await record(subject)
    expect(events).toMatchObject([{ phase: 'intent' }, { phase: 'completed', result: 'failed', error_code: code }])
    expect(events[1]?.model).toMatchObject({ returned: null, tokens_in: null })
    expect(JSON.stringify(events)).not.toContain('Müller')
    expect(await openIntents()).toBe(0)
  })

  test('is not replaced by the next: the data has been shown, and a second recipient is the caller’s to decide', async () => {
    const failing = fakeProvider('outside', { extract: () => Promise.reject(new AppError('MODEL_UNAVAILABLE')) })
    await expect(enrich([failing, uncallable('inside')], [subjectOf(['none'])])).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' })
  })
})

test('a call that could not be masked is named as the reason, and not that nobody was configured', async () => {
  const failing = fakeProvider('outside', { extract: () => Promise.reject(new AppError('POLICY_REFUSED', 'still found')) })
  await expect(enrich([failing], [subjectOf(['none'])])).rejects.toMatchObject({
    detail: expect.stringContaining('only with personal data masked'),
  })
})

describe('the budget of a call', () => {
  const held = (settle: (how: string) => Promise<void>): DayBudget => ({
    reserve: async () => ({ settle: () => settle('settled'), release: () => settle('released') }),
  })

  test.each([
    ['answered', {}],
    ['failed', { extract: () => Promise.reject(new AppError('MODEL_UNAVAILABLE')) }],
  ] as const)('leaves no intent open when its store is away after a call that %s', async (_how, overrides) => {
    const budget = held(() => Promise.reject(new Error('the store of budgets is away')))
    const subject = subjectOf(['none'])
    const gateway = testGateway(bench.database, [fakeProvider('outside', overrides)], PRICES, budget)
    await expect(call(gateway, [subject], 'extract')).rejects.toThrow()
    expect((await record(subject)).map(({ phase }) => phase)).toEqual(['intent', 'completed'])
    expect(await openIntents()).toBe(0)
  })

  test('stays held for an answer that the caller did not wait for: the provider may have made it', async () => {
    const ended: string[] = []
    const budget = held(async (how) => void ended.push(how))
    const stopping = new AbortController()
    const waiting = fakeProvider('outside', {
      extract: async () => {
        stopping.abort()
        throw new AppError('MODEL_UNAVAILABLE', 'stopped by the caller')
      },
    })
    const gateway = testGateway(bench.database, [waiting], PRICES, budget)
    const context = { tenant_id: bench.tenantId, task: 'extract', step: 'extract', ...NO_TEXT, signal: stopping.signal } as const
    const left = gateway.call({ ...context, subjects: [subjectOf(['none'])] }, (provider, signal) => provider.extract([], REQUEST, signal))
    await expect(left).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' })
    expect(ended).toEqual([])
  })
})

test('when the intent cannot be committed, no byte leaves', async () => {
  const gateway = testGateway(bench.database, [uncallable('inside')])
  const unknownTenant = newId()
  await expect(
    gateway.call(
      {
        tenant_id: unknownTenant,
        task: 'extract',
        step: 'enrich',
        ...NO_TEXT,
        subjects: [subjectOf(['personal'])],
        signal: new AbortController().signal,
      },
      (provider, signal) => provider.extract([], REQUEST, signal),
    ),
  ).rejects.toMatchObject({ code: '23503' })
})

test('a document that was erased since it was read is shown to nobody, and no intent says otherwise', async () => {
  const key = await bench.upload()
  const subjects = [{ ...subjectOf(['personal']), document_id: key.document_id }, subjectOf(['personal'])]
  await bench.tenant((tx) => buryDocument(tx, bench.tenantId, key.document_id))
  await expect(enrich([uncallable('inside')], subjects)).rejects.toMatchObject({ code: 'DOCUMENT_ERASED' })
  expect(await bench.tenant((tx) => readRecord(tx, key.document_id))).toEqual([])
})

test('the signal of the caller is the provider’s', async () => {
  const stopping = new AbortController()
  const gateway = testGateway(bench.database, [fakeProvider('inside')])
  let given: AbortSignal | undefined
  await gateway.call(
    {
      tenant_id: bench.tenantId,
      task: 'extract',
      step: 'enrich',
      subjects: [subjectOf(['personal'])],
      ...NO_TEXT,
      signal: stopping.signal,
    },
    (provider, signal) => {
      given = signal
      return provider.extract([], REQUEST, signal)
    },
  )
  stopping.abort()
  expect(given?.aborted).toBe(true)
})

function subjectOf(data_classes: DataClass[]): CallSubject {
  return { document_id: newId(), revision: 1, page: 2, sensitivity: 'internal', data_classes, purpose: 'invoice_processing' }
}

/** Fails the test when it is asked for anything. */
function uncallable(processor: 'inside' | 'outside'): Provider {
  const never = () => {
    throw new Error(`${processor} was called`)
  }
  return fakeProvider(processor, { classify: never, extract: never, embed: never, answer: never })
}

function enrich(providers: Provider[], subjects: CallSubject[]) {
  return call(testGateway(bench.database, providers), subjects, 'extract')
}

function call(gateway: ModelGateway, subjects: CallSubject[], task: Task, only?: string) {
  return gateway.call(
    {
      tenant_id: bench.tenantId,
      task,
      step: task,
      tokens: 0,
      language: null,
      subjects,
      signal: new AbortController().signal,
      ...(only === undefined ? {} : { only }),
    },
    (provider, signal) => provider.extract([], REQUEST, signal),
  )
}

function record(subject: CallSubject) {
  return bench.tenant((tx) => readRecord(tx, subject.document_id ?? ''))
}

async function openIntents(): Promise<number> {
  return (await bench.query('SELECT FROM greffier.open_intents')).length
}
