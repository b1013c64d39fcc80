import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Answer } from '../../shared/contracts/retrieval.ts'
import { textPdf } from '../fixtures/pdf.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'

let greffier: Greffier
const ids = { lease: '', manual: '', policy: '' }
beforeAll(async () => {
  greffier = await startGreffier()
})
afterAll(() => greffier.close())

const LEASE = [
  'Lease between Quillfeather Estates Ltd and Marlowe Bakery Ltd.',
  'The notice period of the lease is three months to the end of a quarter.',
  'The monthly rent is 1,450.00 EUR and is due on the third working day.',
]
const MANUAL = `# Kettle manual

To descale the kettle, boil it with 200 ml of vinegar and rinse it twice.

The warranty of the kettle lasts 24 months from the date of purchase.
`
const POLICY = `<!doctype html><html lang="de"><body><h1>Urlaubsregelung</h1>
<p>Urlaubsanträge sind spätestens vier Wochen vor Beginn des Urlaubs einzureichen.</p></body></html>`

const ask = (question: string, document_ids?: string[]) => greffier.json<Answer>('/v1/answers', { question, document_ids })

describe('before anything is indexed', () => {
  test('an answer abstains and a search finds nothing', async () => {
    expect(await ask('What is the notice period of the lease?')).toMatchObject({ answer: null, abstained: true, citations: [] })
    expect(await greffier.json('/v1/search', { query: 'notice period' })).toEqual({ hits: [] })
  })
})

describe('with documents', () => {
  beforeAll(async () => {
    ids.lease = (await greffier.upload(textPdf(LEASE), { file_name: 'Quillfeather.pdf', metadata: '{"tenant":"Marlowe"}' })).document_id
    ids.manual = (await greffier.upload(MANUAL, { file_name: 'kettle.md' })).document_id
    ids.policy = (await greffier.upload(POLICY, { file_name: 'urlaub.html' })).document_id
    for (const id of Object.values(ids)) expect(await greffier.settled(id)).toMatchObject({ status: 'completed' })
  })

  test.each([
    ['What is the notice period of the lease?', 'lease', 2, 'three months'],
    ['How much is the monthly rent?', 'lease', 3, '1,450.00 EUR'],
    ['How long does the warranty of the kettle last?', 'manual', 1, '24 months'],
    ['Wann sind Urlaubsanträge einzureichen?', 'policy', 1, 'vier Wochen'],
  ] as const)('%s is answered with the page, and a quote that stands there letter by letter', async (question, from, page, expected) => {
    const answer = await ask(question)
    expect(answer).toMatchObject({ abstained: false, ai: { generated: false, mark: null, processor: 'builtin' } })
    expect(answer.ai.notice).toMatch(from === 'policy' ? /Kein Sprachmodell/ : /No language model/)
    const [first] = answer.citations
    expect(first).toMatchObject({ document_id: ids[from], page, verified: true })
    expect(answer.citations.some((citation) => citation.quote.includes(expected))).toBe(true)
    for (const { document_id, page: number, start, end, quote } of answer.citations) {
      const { pages } = await greffier.json<{ pages: { number: number; text: string }[] }>(`/v1/documents/${document_id}/text`)
      expect(pages.find((candidate) => candidate.number === number)?.text.slice(start, end)).toBe(quote)
    }
  })

  test('every hit of a search is the text of its page between its offsets', async () => {
    const { hits } = await greffier.json<{ hits: { document_id: string; page: number; start: number; end: number; text: string }[] }>(
      '/v1/search',
      { query: 'kettle vinegar rent Urlaub', limit: 50 },
    )
    expect(new Set(hits.map((hit) => hit.document_id))).toEqual(new Set(Object.values(ids)))
    for (const hit of hits) {
      const { pages } = await greffier.json<{ pages: { number: number; text: string }[] }>(`/v1/documents/${hit.document_id}/text`)
      expect(pages.find((page) => page.number === hit.page)?.text.slice(hit.start, hit.end)).toBe(hit.text)
    }
  })

  test.each([
    'Who won the football world cup in 1998?',
    'What is the boiling point of mercury on Venus?',
    'Wie hoch ist der Eiffelturm?',
    '¿?',
    '%_\\"\'; DROP TABLE chunks; --',
    '\u0000\uD800',
  ])('%j is not answered from them', async (question) => {
    expect(await ask(question)).toMatchObject({ answer: null, abstained: true, citations: [] })
  })

  test('a question about named documents is answered from those alone', async () => {
    expect(await ask('What is the notice period of the lease?', [ids.manual])).toMatchObject({ abstained: true, citations: [] })
    const { hits } = await greffier.json<{ hits: { document_id: string }[] }>('/v1/search', { query: 'rent', document_ids: [ids.lease] })
    expect(new Set(hits.map((hit) => hit.document_id))).toEqual(new Set([ids.lease]))
  })

  test('a question is one event that names its hits, and stands in the record of each', async () => {
    const known = new Set((await greffier.record(ids.lease)).map((event) => event.event_id))
    await ask('When is the monthly rent of the lease due?')
    const asked = (await greffier.record(ids.lease)).filter((event) => !known.has(event.event_id) && event.operation === 'Retrieve')
    expect(asked).toMatchObject([{ step: 'answer', phase: 'completed', doc_ref: null }])
    const hits = asked[0]?.hits ?? []
    expect(hits.map((hit) => [hit.doc_ref, hit.revision, hit.page])).toContainEqual([ids.lease, 1, 3])
    for (const { doc_ref } of hits) expect((await greffier.record(doc_ref)).map((event) => event.event_id)).toContain(asked[0]?.event_id)
  })

  test('the record tells everything in its order, and nothing of names or text', async () => {
    await greffier.fetch(`/v1/documents/${ids.lease}/content`)
    await greffier.erase(ids.lease)
    const events = await greffier.record(ids.lease)
    const told = events.map(({ step, operation, phase }) => `${step} ${operation} ${phase}`)
    const expected = [
      'upload Collect completed',
      'extract Analyse completed',
      'enrich Infer intent',
      'enrich Infer completed',
      'index Derive intent',
      'index Derive completed',
      'index Store completed',
      'done Store completed',
      'answer Retrieve completed',
      'text Retrieve completed',
      'content Retrieve completed',
      'erase Erase completed',
    ]
    const places = expected.map((step) => told.indexOf(step))
    expect(places).not.toContain(-1)
    expect(places).toEqual([...places].sort((a, b) => a - b))
    const times = events.map((event) => event.time)
    expect(times).toEqual([...times].sort())

    const intents = events.filter((event) => event.phase === 'intent')
    expect(intents.length).toBeGreaterThanOrEqual(2)
    for (const intent of intents) {
      const closing = events.filter((event) => event.parent_events.includes(intent.event_id))
      expect(closing).toMatchObject([
        { phase: 'completed', result: 'ok', recipient: { processor: 'builtin' }, policy: { outcome: 'allowed' } },
      ])
      expect(closing[0]?.model).toMatchObject({ language_model: false, requested: intent.model?.requested })
    }
    const [commitment] = new Set(events.flatMap((event) => event.content_commit ?? []))
    expect(commitment).toMatch(/^[0-9a-f]{64}$/)
    const bare = await crypto.subtle.digest('SHA-256', new Uint8Array(textPdf(LEASE)))
    expect(JSON.stringify(events)).not.toContain(Buffer.from(bare).toString('hex'))
    expect(JSON.stringify(events)).not.toMatch(/quillfeather|marlowe|bakery|rent\b|notice period|1,450/i)
  })

  test('after its erasure a document is in no hit and no citation, and its question abstains', async () => {
    const gone = await ask('What is the notice period of the lease?')
    expect(gone.citations.map((citation) => citation.document_id)).not.toContain(ids.lease)
    expect(gone).toMatchObject({ abstained: true })
    const { hits } = await greffier.json<{ hits: { document_id: string }[] }>('/v1/search', { query: LEASE.join(' '), limit: 50 })
    expect(hits.map((hit) => hit.document_id)).not.toContain(ids.lease)
    expect(await greffier.json('/v1/search', { query: 'rent', document_ids: [ids.lease] })).toEqual({ hits: [] })
  })
})
