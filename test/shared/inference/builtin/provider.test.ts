import { describe, expect, test } from 'vitest'
import { Classification } from '../../../../shared/contracts/classification.ts'
import { createBuiltinProvider } from '../../../../shared/inference/builtin/provider.ts'
import { compileSchema } from '../../../../shared/inference/extraction/schema.ts'
import { schemaFor } from '../../../../shared/inference/extraction/shipped.ts'
import { pagesOf } from './pages.ts'

const provider = createBuiltinProvider()
const never = new AbortController().signal
const REQUEST = { schema: schemaFor('invoice'), language: null }

describe('the builtin provider', () => {
  test('says that it is no language model, and where it runs', () => {
    expect(provider).toMatchObject({
      processor: 'builtin',
      languageModel: false,
      endpoints: ['in-process'],
      region: 'local',
      models: { extract: 'greffier-rules-1', embed: 'greffier-hash-512-1', ocr: null },
    })
  })

  test('classifies as the contract has it, and counts the words read', async () => {
    const { value, facts } = await provider.classify(pagesOf('Invoice 7\nTotal 5.00 EUR'), never)
    expect(Classification.parse(value)).toEqual(value)
    expect(facts).toEqual({
      endpoint: 'in-process',
      modelReturned: 'greffier-rules-1',
      tokensIn: 5,
      tokensCached: 0,
      tokensOut: 0,
      requestId: null,
    })
  })

  test('answers for a document without text', async () => {
    const empty = [{ number: 1, method: 'no_text', text: '', reason: 'image_only' } as const]
    expect((await provider.classify(empty, never)).value).toMatchObject({ type: 'other', language: null })
    expect((await provider.extract(empty, REQUEST, never)).value).toEqual({ claims: [], pagesRead: 0 })
  })

  test('the same pages give the same claims', async () => {
    const text = ['Rechnung 7\nRechnungsdatum: 01.02.2026', 'Gesamtbetrag 5,00 EUR']
    const once = await provider.extract(pagesOf(...text), REQUEST, never)
    expect(once.value.claims.length).toBeGreaterThan(1)
    expect(await provider.extract(pagesOf(...text), REQUEST, never)).toEqual(once)
  })

  test('fills an organisation’s own schema where a name or a format tells what is meant, and nothing else', async () => {
    const properties = { invoice_number: { type: 'string' }, account: { type: 'string', format: 'iban' }, mood: { type: 'string' } }
    const schema = compileSchema({ name: 'mine', version: 1, type: 'invoice', json_schema: { type: 'object', properties } })
    const pages = pagesOf('Rechnung\nRechnungsnummer: 4711\nIBAN: DE89 3704 0044 0532 0130 00')
    const { value } = await provider.extract(pages, { schema, language: 'de' }, never)
    expect(value.claims.map(({ path, value: said }) => [path, said])).toEqual([
      ['invoice_number', '4711'],
      ['account', 'DE89370400440532013000'],
    ])
  })

  test('embeds in order, one vector of one dimension per text', async () => {
    const texts = Array.from({ length: 20 }, (_, index) => `text number ${index}`)
    const { value } = await provider.embed(texts, never)
    const [third] = (await provider.embed([texts[3] ?? ''], never)).value
    expect(value.map((vector) => vector.length)).toEqual(texts.map(() => 512))
    expect(value[3]).toEqual(third)
  })

  test('lets the event loop run while it embeds', async () => {
    let turns = 0
    let done = false
    const tick = () => {
      turns += 1
      if (!done) setImmediate(tick)
    }
    setImmediate(tick)
    await provider.embed(
      Array.from({ length: 64 }, () => 'some text'),
      never,
    )
    done = true
    expect(turns).toBeGreaterThanOrEqual(8)
  })

  test('an aborted signal stops every task with its reason', async () => {
    const signal = AbortSignal.abort(new Error('stopped'))
    await expect(provider.classify(pagesOf('a'), signal)).rejects.toThrow('stopped')
    await expect(provider.extract(pagesOf('a'), REQUEST, signal)).rejects.toThrow('stopped')
    await expect(provider.embed(['a'], signal)).rejects.toThrow('stopped')
    await expect(provider.answer('a', [], signal)).rejects.toThrow('stopped')
  })
})

/** Shapes that make careless patterns and nested searches explode. */
const HUGE_LENGTH = 5_000_000
const HUGE = [
  ...[
    'a',
    '1',
    ' ',
    '\n',
    '(',
    '|',
    '1 ',
    '123 ',
    '1.',
    '1.234.',
    'x ',
    'a@',
    'a.b-c@d.',
    '+49 ',
    'DE12 ',
    'DE ',
    'A GmbH ',
    'Alpha GmbH\n',
  ],
  ...['Total 1.234,50 EUR\n', 'Total 1\n', 'Invoice no. 12\nBill to\n', 'Invoice due date 1.1.2026\n', 'pay within 30 days by ', 'a\t'],
  ...[
    'Agreement notice three months terminate ',
    'Contract between Alpha Ltd and Beta Ltd\n',
    'VAT no DE990000002\n',
    'Invoice IBAN DE89 3704 0044 0532 0130 00\n',
  ],
]
const HUGE_MS_MAX = 2_000

describe('bounds', () => {
  test.each(HUGE)('a page of 5 MB of %j is enriched, embedded and answered from within the bound', async (piece) => {
    const text = piece.repeat(Math.ceil(HUGE_LENGTH / piece.length))
    const timed = async (work: () => Promise<unknown>) => {
      const started = performance.now()
      await work()
      return performance.now() - started
    }
    expect(await timed(() => provider.extract(pagesOf(text), REQUEST, never))).toBeLessThan(HUGE_MS_MAX)
    expect(await timed(() => provider.embed([text], never))).toBeLessThan(HUGE_MS_MAX)
    expect(await timed(() => provider.answer('What is the total due in Berlin?', [{ ref: 1, text }], never))).toBeLessThan(HUGE_MS_MAX)
    expect(await timed(() => provider.answer(text, [{ ref: 1, text: 'The total due is 5 EUR.' }], never))).toBeLessThan(HUGE_MS_MAX)
  })
})
