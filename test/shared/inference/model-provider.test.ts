import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AppError } from '../../../shared/contracts/errors.ts'
import type { Page } from '../../../shared/contracts/extraction.ts'
import { schemaFor } from '../../../shared/inference/extraction/shipped.ts'
import { createMistralProvider } from '../../../shared/inference/mistral.ts'
import type { ClaimedField, Provider } from '../../../shared/inference/provider.ts'
import { DOUBLE_MODELS, type ModelDouble, startModelDouble } from '../../support/model-double.ts'

const never = new AbortController().signal
const invoice = { schema: schemaFor('invoice'), language: 'de' }
const letter = { schema: schemaFor('letter'), language: 'de' }
const page = (text: string, number = 1): Page => ({ number, method: 'plain', text, reason: null })
const said = (value: string, quote = value, number = '1') => ({ value, quote, page: number })

let double: ModelDouble
let provider: Provider
beforeEach(async () => {
  double = await startModelDouble()
  const { chat, embed } = DOUBLE_MODELS
  const models = { classify: chat, extract: chat, answer: chat, embed, ocr: null }
  provider = createMistralProvider({ apiKey: 'sk-never', region: 'eu', models, baseUrl: double.baseUrl, fetch, timeoutMs: 10_000 })
})
afterEach(() => double.close())

/** What of a schema is asked for: everything, with null for what a test does not say. */
function answer(schema: typeof invoice.schema, values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(schema.root.properties).map(([name, node]) => [name, values[name] ?? (node.kind === 'list' ? [] : null)]),
  )
}

function promptOf(at: number): { system: string; user: string } {
  const messages = double.requests[at]?.body.messages as { content: string }[]
  return { system: messages[0]?.content ?? '', user: messages.at(-1)?.content ?? '' }
}

async function failureOf(promise: Promise<unknown>): Promise<AppError> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(AppError)
  return error as AppError
}

test('a model is asked by the schema, strictly, and its answer becomes claims under the schema’s paths', async () => {
  double.script({ kind: 'json', value: answer(letter.schema, { title: said('Warranty', 'Warranty letter') }) })
  const { value } = await provider.extract([page('Warranty letter')], letter, never)
  expect(value).toEqual({ claims: [{ path: 'title', value: 'Warranty', quote: 'Warranty letter', page: 1 }], pagesRead: 1 })
  expect(double.requests[0]?.body.response_format).toMatchObject({
    json_schema: { strict: true, schema: { required: Object.keys(letter.schema.root.properties) } },
  })
  expect(double.refusals).toEqual([])
})

describe('an answer that is not what was asked for', () => {
  const WRONG = { ...answer(invoice.schema, {}), lines: 'Anna Muster' }

  test('is asked for once more, with what was wrong and what was written, and both requests are paid for', async () => {
    double.script({ kind: 'json', value: WRONG }, { kind: 'json', value: answer(invoice.schema, { seller_name: said('Muster GmbH') }) })
    const { value, facts } = await provider.extract([page('Muster GmbH')], invoice, never)
    expect(value.claims.map(({ path }) => path)).toEqual(['seller_name'])
    expect(double.requests).toHaveLength(2)
    expect(promptOf(1).user).toContain('at lines: not a list')
    expect(promptOf(1).user).toContain('"lines":"Anna Muster"')
    expect(promptOf(1).system).toBe(promptOf(0).system)
    double.script({ kind: 'json', value: answer(invoice.schema, { seller_name: said('Muster GmbH') }) })
    expect(facts.tokensIn).toBeGreaterThan((await provider.extract([page('Muster GmbH')], invoice, never)).facts.tokensIn)
  })

  test('twice is a typed failure without a word of it, and there is no third request', async () => {
    double.script({ kind: 'json', value: WRONG }, { kind: 'json', value: WRONG })
    const error = await failureOf(provider.extract([page('Muster GmbH')], invoice, never))
    expect(error).toMatchObject({ code: 'MODEL_OUTPUT_INVALID', detail: 'at lines: not a list' })
    expect(error.message).not.toContain('Anna')
    expect(double.requests).toHaveLength(2)
  })

  test('of an answer to a question is asked for once more as well', async () => {
    double.script({ kind: 'json', value: { answer: 'x' } }, { kind: 'json', value: { answer: null, citations: [] } })
    expect((await provider.answer('Who?', [{ ref: 1, text: 'nobody' }], never)).value.answer).toBeNull()
    expect(double.requests).toHaveLength(2)
  })

  test('because the model declined is not asked for again', async () => {
    double.script({ kind: 'refusal', as: 'key' })
    expect((await failureOf(provider.extract([page('x')], invoice, never))).code).toBe('MODEL_REFUSED')
    expect(double.requests).toHaveLength(1)
  })
})

describe('an answer that was cut by its length', () => {
  test('is a failure although it parses, and is not asked for again', async () => {
    double.script({ kind: 'length', value: answer(invoice.schema, { seller_name: said('Muster GmbH') }) })
    expect((await failureOf(provider.extract([page('Muster GmbH')], invoice, never))).code).toBe('MODEL_OUTPUT_INVALID')
    expect(double.requests).toHaveLength(1)
  })

  test('over a long text is asked for in two halves, which together hold every line of it, and nothing of the cut answer is kept', async () => {
    const text = Array.from({ length: 1_000 }, (_, line) => `line ${line};`).join('\n')
    double.script({ kind: 'length', value: answer(invoice.schema, { buyer_name: said('line 1') }) })
    double.answerWith(({ schema, user }) => schema && answer(invoice.schema, { lines: linesIn(user) }))
    const { value } = await provider.extract([page(text)], invoice, never)
    expect(double.requests).toHaveLength(3)
    expect(new Set(value.claims.map((claim) => claim.value)).size).toBe(1_000)
    expect(value.claims.some(({ path }) => path === 'buyer_name')).toBe(false)
  })

  test('again and again ends in a failure', async () => {
    const text = Array.from({ length: 3_000 }, (_, line) => `line ${line};`).join('\n')
    double.script(...Array.from({ length: 16 }, () => ({ kind: 'length', value: answer(invoice.schema, {}) }) as const))
    expect((await failureOf(provider.extract([page(text)], invoice, never))).code).toBe('MODEL_OUTPUT_INVALID')
    expect(double.requests.length).toBeLessThanOrEqual(4)
  })
})

describe('a long document', () => {
  const pages = Array.from({ length: 9 }, (_, at) => page(`line ${at};\n${'x'.repeat(30_000)}`, at + 1))

  test('is read in windows, four at once, and the items of their lists are told apart', async () => {
    double.answerAfterMs(50)
    double.answerWith(({ schema, user }) => schema && answer(invoice.schema, { lines: linesIn(user) }))
    const { value, facts } = await provider.extract(pages, invoice, never)
    expect(double.requests).toHaveLength(9)
    expect(double.load().peak).toBe(4)
    expect(value.pagesRead).toBe(9)
    expect(value.claims.map((claim: ClaimedField) => claim.value)).toEqual(pages.map((_, at) => `line ${at}`))
    expect(new Set(value.claims.map(({ path }) => path)).size).toBe(9)
    expect(facts.tokensIn).toBeGreaterThan(9 * 100)
  })

  test('of which one window fails fails as a whole, and the others are not asked about', async () => {
    double.script({ kind: 'status', status: 500 }, { kind: 'hang' }, { kind: 'hang' }, { kind: 'hang' })
    expect((await failureOf(provider.extract(pages, invoice, never))).code).toBe('MODEL_UNAVAILABLE')
    expect(double.requests.length).toBeLessThanOrEqual(4)
  })

  test('stops when its caller does, with its caller’s reason', async () => {
    double.script(...Array.from({ length: 4 }, () => ({ kind: 'hang' }) as const))
    const caller = new AbortController()
    const running = failureOf(provider.extract(pages, invoice, caller.signal))
    await expect.poll(() => double.requests.length).toBe(4)
    caller.abort(new AppError('STAGE_TIMEOUT'))
    expect((await running).code).toBe('STAGE_TIMEOUT')
    expect(double.requests).toHaveLength(4)
  })
})

test('a classification keeps the words of the closed lists, and leaves out the others', async () => {
  const value = {
    type: 'love_letter',
    language: 'DE',
    data_classes: ['special', 'secret'],
    data_categories: ['health', 'Anna'],
    subject_categories: ['patient', 7],
  }
  double.script({ kind: 'json', value })
  expect((await provider.classify([page('Befund')], never)).value).toEqual({
    type: 'other',
    language: 'de',
    data_classes: ['special'],
    data_categories: ['health'],
    subject_categories: ['patient'],
  })
})

/** What a perfect model would say of a text that is lines such as `line 7;`. */
function linesIn(user: string): unknown[] {
  return [...new Set([...user.matchAll(/line \d+(?=;)/g)].map(([line]) => line))].map((line) => ({
    description: said(line),
    quantity: null,
    unit_price: null,
    total_net: null,
  }))
}
