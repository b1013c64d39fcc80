import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Page } from '../../../shared/contracts/extraction.ts'
import { newId } from '../../../shared/contracts/ids.ts'
import { readCosts } from '../../../shared/database/costs.ts'
import { readRecord } from '../../../shared/database/events.ts'
import { schemaFor } from '../../../shared/inference/extraction/shipped.ts'
import type { Run } from '../../../shared/inference/gateway.ts'
import { createOpenAiCompatibleProvider } from '../../../shared/inference/openai-compatible.ts'
import type { Provider } from '../../../shared/inference/provider.ts'
import type { Around } from '../../../shared/inference/wire.ts'
import type { DayBudget } from '../../../shared/limits/day-budget.ts'
import { failure } from '../../support/failure.ts'
import { type Behaviour, DOUBLE_MODELS, type ModelDouble, startModelDouble } from '../../support/model-double.ts'
import { fakeProvider, testGateway } from '../../support/providers.ts'
import { openWorkbench, type Workbench } from '../../support/workbench.ts'

const REQUEST = { schema: schemaFor('letter'), language: null }
/** Two batches of one request each, and a third. */
const TEXTS = Array.from({ length: 600 }, (_, at) => `text ${at}`)
const HELD = 1_000_000

let bench: Workbench
let double: ModelDouble

beforeAll(async () => {
  bench = await openWorkbench()
})
afterAll(() => bench.close())
beforeEach(async () => {
  double = await startModelDouble()
})
afterEach(() => double.close())

test('vectors whose third batch fails have paid for two: the event says so, the budget and the costs too', async () => {
  double.scriptFor('/v1/embeddings', using(700, 0), using(50, 0), { kind: 'status', status: 400 })
  const { error, event, ended, documentId } = await failing((provider, signal) => provider.embed(TEXTS, signal))
  expect(error.code).toBe('MODEL_REFUSED')
  expect(event).toMatchObject({ phase: 'completed', result: 'failed', error_code: 'MODEL_REFUSED', ai_generated: false })
  expect(event?.model).toMatchObject({ tokens_in: 750, tokens_out: 0, cost: { micro_eur: 750 } })
  expect(event?.model?.returned).toContain(DOUBLE_MODELS.embed)
  expect(ended).toEqual([{ tokens: 750, microEur: 750 }])
  const filter = { tenantId: bench.tenantId, from: null, to: null, by: null, documentId }
  expect(await bench.tenant((tx) => readCosts(tx, filter))).toMatchObject({ calls: 1, micro_eur: 750 })
})

test('a window that fails after another was read leaves that one paid', async () => {
  double.scriptFor('/v1/chat/completions', using(9_000, 30), { kind: 'status', status: 400 })
  const pages = [pageOf(1, 39_000), pageOf(2, 39_000)]
  const { event, ended } = await failing((provider, signal) => provider.extract(pages, REQUEST, signal), inTurn())
  expect(event?.model).toMatchObject({ tokens_in: 9_000, tokens_out: 30, cost: { micro_eur: 9_300 } })
  expect(ended).toEqual([{ tokens: 9_030, microEur: 9_300 }])
})

test('an answer that was no good is paid, when the repetition fails as well as when it does not', async () => {
  double.scriptFor('/v1/chat/completions', using(100, 5, '[]'), { kind: 'status', status: 400 })
  const read: Run<unknown> = (provider, signal) => provider.extract([pageOf(1, 100)], REQUEST, signal)
  const { ended } = await failing(read)
  expect(ended).toEqual([{ tokens: 105, microEur: 150 }])

  double.scriptFor('/v1/chat/completions', using(9_000, 12_000, '{}', 'length'), using(5_000, 20), using(5_000, 20))
  const { event, ended: settled } = await calling((provider, signal) => provider.extract([pageOf(1, 30_000)], REQUEST, signal))
  expect(event).toMatchObject({ result: 'ok', model: { tokens_in: 19_000, tokens_out: 12_040 } })
  expect(settled).toEqual([{ tokens: 31_040, microEur: 139_400 }])
})

test('where no request was answered all of the reservation is given back, and nothing is priced', async () => {
  double.scriptFor('/v1/embeddings', { kind: 'status', status: 400 })
  const { event, ended } = await failing((provider, signal) => provider.embed(TEXTS, signal))
  expect(event?.model).toMatchObject({ tokens_in: null, tokens_out: null, cost: null, returned: null })
  expect(ended).toEqual(['released'])
})

test('what the caller did not wait for stays held whole, and the event names what was answered until then', async () => {
  const stopping = new AbortController()
  double.scriptFor('/v1/embeddings', using(700, 0), { kind: 'hang' })
  const around: Around = async (_endpoint, signal, call) => {
    const asked = call(signal)
    if (double.requests.length > 0) stopping.abort()
    return asked
  }
  const { event, ended } = await failing((provider, signal) => provider.embed(TEXTS, signal), around, stopping.signal)
  expect(event?.model).toMatchObject({ tokens_in: 700 })
  expect(ended).toEqual([])
})

/** The usual answer with this usage, and with other words where some are given. */
function using(tokensIn: number, tokensOut: number, content?: string, finishReason = 'stop'): Behaviour {
  const usage = { prompt_tokens: tokensIn, completion_tokens: tokensOut, total_tokens: tokensIn + tokensOut }
  const said = [{ index: 0, finish_reason: finishReason, message: { role: 'assistant', content } }]
  return { kind: 'change', change: (answer) => ({ ...answer, usage, ...(content !== undefined && { choices: said }) }) }
}

function pageOf(number: number, length: number): Page {
  return { number, method: 'plain', text: 'word '.repeat(length / 5), reason: null }
}

/** Each request after the end of the one before. */
function inTurn(): Around {
  let before: Promise<unknown> = Promise.resolve()
  return (_endpoint, signal, call) => {
    const asked = before.then(() => call(signal))
    before = asked.then(
      () => undefined,
      () => undefined,
    )
    return asked
  }
}

async function failing(run: Run<unknown>, around?: Around, signal?: AbortSignal) {
  const { called, ...rest } = await calling(run, around, signal)
  return { ...rest, error: await failure(called) }
}

/** One call to the double as `outside`, for public data: a token in is a micro-euro, one out ten. */
async function calling(run: Run<unknown>, around?: Around, signal = new AbortController().signal) {
  const ended: unknown[] = []
  const budget: DayBudget = {
    reserve: async () => ({
      settle: async (tokens, microEur) => void ended.push({ tokens, microEur }),
      release: async () => void ended.push('released'),
    }),
  }
  const documentId = newId()
  const subject = {
    document_id: documentId,
    revision: 1,
    page: null,
    sensitivity: 'internal',
    data_classes: ['none'],
    purpose: 'test',
  } as const
  const context = { tenant_id: bench.tenantId, task: 'extract', step: 'enrich', subjects: [subject], tokens: HELD, language: null } as const
  const called = testGateway(bench.database, [outside(around)], undefined, budget).call({ ...context, signal }, run)
  await Promise.allSettled([called])
  const event = (await bench.tenant((tx) => readRecord(tx, documentId))).at(-1)
  return { called, event, ended, documentId }
}

function outside(around?: Around): Provider {
  const { endpoints, models } = fakeProvider('outside')
  const chat = DOUBLE_MODELS.chat
  const spoken = createOpenAiCompatibleProvider({
    processor: 'outside',
    baseUrl: double.baseUrl,
    apiKey: 'key',
    region: 'eu',
    models: { ...models, classify: chat, extract: chat, answer: chat, embed: DOUBLE_MODELS.embed },
    fetch,
    ...(around && { around }),
  })
  // The register and the prices know it by these.
  return { ...spoken, endpoints, models }
}
