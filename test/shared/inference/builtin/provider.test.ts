import { describe, expect, test } from 'vitest'
import { Enrichment } from '../../../../shared/contracts/extraction.ts'
import { createBuiltinProvider } from '../../../../shared/inference/builtin/provider.ts'
import { pagesOf } from './pages.ts'

const provider = createBuiltinProvider()
const never = new AbortController().signal

describe('the builtin provider', () => {
  test('says that it is no language model, and where it runs', () => {
    expect(provider).toMatchObject({
      processor: 'builtin',
      languageModel: false,
      endpoint: 'in-process',
      region: 'local',
      models: { chat: 'greffier-rules-1', embed: 'greffier-hash-512-1' },
    })
  })

  test('returns an enrichment of the contract, and counts the words read', async () => {
    const { value, facts } = await provider.enrich(pagesOf('Invoice 7\nTotal 5.00 EUR'), never)
    expect(Enrichment.parse(value)).toEqual(value)
    expect(facts).toEqual({ modelReturned: 'greffier-rules-1', tokensIn: 5, tokensOut: 0, requestId: null })
  })

  test('answers for a document without text', async () => {
    const { value } = await provider.enrich([{ number: 1, method: 'no_text', text: '', reason: 'image_only' }], never)
    expect(value).toEqual({ type: 'other', language: null, fields: {} })
  })

  test('the same pages give the same enrichment', async () => {
    const pages = pagesOf('Rechnung 7\nRechnungsdatum: 01.02.2026', 'Gesamtbetrag 5,00 EUR')
    expect(await provider.enrich(pages, never)).toEqual(await provider.enrich(pages, never))
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
    await expect(provider.enrich(pagesOf('a'), signal)).rejects.toThrow('stopped')
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
    expect(await timed(() => provider.enrich(pagesOf(text), never))).toBeLessThan(HUGE_MS_MAX)
    expect(await timed(() => provider.embed([text], never))).toBeLessThan(HUGE_MS_MAX)
    expect(await timed(() => provider.answer('What is the total due in Berlin?', [{ ref: 1, text }], never))).toBeLessThan(HUGE_MS_MAX)
    expect(await timed(() => provider.answer(text, [{ ref: 1, text: 'The total due is 5 EUR.' }], never))).toBeLessThan(HUGE_MS_MAX)
  })
})
