import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ProcessingEvent } from '../../shared/contracts/record.ts'
import type { Answer } from '../../shared/contracts/retrieval.ts'
import { type ByteRelay, startByteRelay } from '../support/byte-relay.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { DOUBLE_MODELS, type ModelDouble, startModelDouble } from '../support/model-double.ts'
import { API_KEY, openPolicy, POLICY_FILE, providerConfig, registerWith } from '../support/provider-config.ts'
import { waitUntil } from '../support/wait.ts'

const SPECIAL_RULE = 'special-and-criminal-stay-inside'
const PERSONAL_RULE = 'eea-entity-and-region'

interface Seen {
  piece: string
  /** Intents that another connection saw as committed and open before the piece was passed on. */
  open: ProcessingEvent[]
}

let double: ModelDouble
let relay: ByteRelay
let greffier: Greffier
const seen: Seen[] = []
/** What happens in the moment before a piece is passed on. */
let meanwhile: ((piece: string) => Promise<void>) | undefined

beforeAll(async () => {
  double = await startModelDouble()
  relay = await startByteRelay(double.origin, async (piece) => {
    seen.push({ piece, open: await openIntents() })
    await meanwhile?.(piece)
  })
  greffier = await startGreffier({
    ...providerConfig(relay.baseUrl),
    PROVIDERS: ['mistral', 'builtin'],
    PROCESSORS_FILE: registerWith(relay.baseUrl),
  })
})
afterAll(async () => {
  await greffier.close()
  await relay.close()
  // Nothing that was sent was a request that Mistral's API would not have taken.
  expect(double.refusals).toEqual([])
  await double.close()
})

async function openIntents(): Promise<ProcessingEvent[]> {
  const rows = await greffier.rows<{ body: string }>('SELECT e.body FROM open_intents o JOIN events e ON e.id = o.event_id')
  return rows.map((row) => JSON.parse(row.body))
}

async function settledUpload(text: string, query: Record<string, string> = {}, system = greffier) {
  const { document_id } = await system.upload(text, query)
  const document = await system.settled(document_id)
  return { document, events: await system.record(document_id) }
}

const callsOf = (events: readonly ProcessingEvent[], phase: ProcessingEvent['phase'], processor = 'mistral') =>
  events.filter((event) => event.recipient?.processor === processor && event.phase === phase)
const closings = (events: readonly ProcessingEvent[], intent: ProcessingEvent) =>
  events.filter((event) => event.parent_events.includes(intent.event_id))
const requestsTo = (path: string) => double.requests.filter((request) => request.path === path)
const sha256Of = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')

describe('a document that the policy allows to go out', () => {
  test('is seen by the provider only after its intent is committed, and each call is completed on record with what proves it', async () => {
    const { document, events } = await settledUpload('Orchard letter ALLOWEDMARK.\nThe orchard is pruned in March.\n', {
      file_name: 'FILENAMEMARK.txt',
      metadata: '{"owner":"METADATAMARK"}',
    })
    expect(document).toMatchObject({ status: 'completed', type: 'letter', fields: { title: { status: 'verified' } } })
    expect(relay.received()).toContain('ALLOWEDMARK')
    expect(relay.received()).not.toMatch(/FILENAMEMARK|METADATAMARK/)

    const tasks = { '/v1/chat/completions': ['classify', 'extract'], '/v1/embeddings': ['embed'] }
    expect(seen.length).toBeGreaterThanOrEqual(3)
    for (const { piece, open } of seen) {
      expect(open).toMatchObject([{ phase: 'intent', doc_ref: document.document_id, recipient: { processor: 'mistral' } }])
      for (const [path, allowed] of Object.entries(tasks))
        if (piece.startsWith(`POST ${path}`)) expect(allowed).toContain(open[0]?.model?.task)
    }

    const intents = callsOf(events, 'intent')
    expect(intents.map((intent) => [intent.step, intent.model?.task])).toEqual([
      ['enrich', 'classify'],
      ['enrich', 'extract'],
      ['index', 'embed'],
    ])
    expect(double.requests.filter(({ method }) => method === 'POST')).toHaveLength(intents.length)
    for (const intent of intents) {
      const requested = intent.model?.task === 'embed' ? DOUBLE_MODELS.embed : DOUBLE_MODELS.chat
      expect(closings(events, intent)).toMatchObject([
        {
          phase: 'completed',
          result: 'ok',
          special: false,
          purpose: 'document_processing',
          recipient: { processor: 'mistral', endpoint: relay.origin, region: 'eu', register_hash: sha256Of(registerWith(relay.baseUrl)) },
          policy: { hash: sha256Of(POLICY_FILE), rule: PERSONAL_RULE, outcome: 'allowed', failed: [] },
          model: { requested, returned: `${requested}-0001`, language_model: true, provider_request_id: 'double-request' },
        },
      ])
      expect(closings(events, intent)[0]?.model?.tokens_in).toBeGreaterThan(0)
    }
    expect(await openIntents()).toEqual([])
  })

  test('keeps its text out of the record although the provider calls its model by it', async () => {
    double.script({ kind: 'change', change: (answer) => ({ ...answer, model: 'The patient MODELMARK is ill' }) })
    const { document, events } = await settledUpload('MODELMARK is the name of a ship.\n')
    expect(document.status).toBe('completed')
    expect(callsOf(events, 'completed')[0]?.model).toMatchObject({ returned: 'not stated' })
  })
})

describe('a document that may only stay inside', () => {
  test.each([
    ['its class is special', { data_classes: 'special' }, 'CLASSMARK', true],
    ['one of its classes is special', { data_classes: 'personal,special' }, 'MANYMARK', true],
    ['its sensitivity is special', { sensitivity: 'special' }, 'SENSITIVITYMARK', true],
    ['its class is criminal', { data_classes: 'criminal' }, 'CRIMINALMARK', false],
  ])(
    'is completed without one byte to the provider where %s, with the refusal on record, and is found by its tokens',
    async (_, query, marker, special) => {
      const before = relay.received().length
      const { document, events } = await settledUpload(`Cabin report ${marker}.\nThe ${marker} lighthouse keeps parrots.\n`, query)
      expect(document.status).toBe('completed')
      expect(relay.received().length).toBe(before)

      const refused = callsOf(events, 'refused')
      expect(refused.map((event) => event.model?.task)).toEqual(['classify', 'extract', 'embed'])
      for (const event of refused) {
        expect(event).toMatchObject({
          doc_ref: document.document_id,
          special,
          recipient: { processor: 'mistral', endpoint: relay.origin, region: 'eu' },
          policy: {
            rule: SPECIAL_RULE,
            outcome: 'refused',
            failed: [{ requirement: 'deployment in in_process, self_hosted', found: 'hosted' }],
          },
          ai_generated: false,
        })
      }
      expect(callsOf(events, 'intent')).toEqual([])
      expect(callsOf(events, 'completed', 'builtin')).toMatchObject([
        { step: 'enrich', model: { task: 'classify' }, result: 'ok', policy: { rule: SPECIAL_RULE } },
        { step: 'enrich', model: { task: 'extract' }, result: 'ok', policy: { rule: SPECIAL_RULE } },
      ])
      expect(events.filter((event) => event.operation === 'Store' && event.step === 'index')).toMatchObject([
        { stores: [{ kind: 'points_without_vectors' }] },
      ])

      const { hits } = await greffier.json<{ hits: { document_id: string }[] }>('/v1/search', { query: 'lighthouse parrots', limit: 50 })
      expect(hits.map((hit) => hit.document_id)).toContain(document.document_id)
      expect(relay.received()).not.toContain(marker)
    },
  )
})

describe('a question', () => {
  const ids = { secret: '', open: '' }
  beforeAll(async () => {
    const secret = 'SECRETMARK: the diagnosis of Halvorsen is kept in drawer nine.\n'
    ids.secret = (await settledUpload(secret, { data_classes: 'special' })).document.document_id
    ids.open = (await settledUpload('OPENMARK: the invoice of Halvorsen is kept in drawer four.\n')).document.document_id
  })
  const ask = async (question: string, document_ids?: string[]) => {
    const chatsBefore = requestsTo('/v1/chat/completions').length
    const answer = await greffier.json<Answer>('/v1/answers', { question, document_ids })
    return { answer, chats: requestsTo('/v1/chat/completions').slice(chatsBefore) }
  }

  test.each([
    ['only special passages', () => [ids.secret]],
    ['special passages among others', () => [ids.secret, ids.open]],
  ])('over %s is answered inside, and the provider sees no passage', async (_, documents) => {
    const known = new Set((await greffier.record(ids.secret)).map((event) => event.event_id))
    const { answer, chats } = await ask('Where is the diagnosis of Halvorsen kept?', documents())
    expect(chats).toEqual([])
    expect(relay.received()).not.toContain('SECRETMARK')
    expect(answer).toMatchObject({ abstained: false, ai: { generated: false, processor: 'builtin' } })
    expect(answer.citations[0]).toMatchObject({ document_id: ids.secret, quote: expect.stringContaining('drawer nine') })

    const asked = (await greffier.record(ids.secret)).filter((event) => !known.has(event.event_id) && event.model?.task === 'answer')
    const hits = documents().map((doc_ref) => expect.objectContaining({ doc_ref }))
    expect(asked).toMatchObject([
      { phase: 'refused', recipient: { processor: 'mistral' }, policy: { rule: SPECIAL_RULE, failed: [{ found: 'hosted' }] } },
      { phase: 'intent', recipient: { processor: 'builtin' }, policy: { rule: SPECIAL_RULE }, purpose: 'question_answering' },
      { phase: 'completed', result: 'ok', recipient: { processor: 'builtin' }, policy: { rule: SPECIAL_RULE } },
    ])
    for (const event of asked) expect(event.hits).toEqual(expect.arrayContaining(hits))
  })

  test('over allowed passages alone goes to the provider, with those and no others', async () => {
    const { answer, chats } = await ask('Where is the invoice of Halvorsen kept?', [ids.open])
    expect(chats).toHaveLength(1)
    expect(JSON.stringify(chats[0]?.body)).toContain('OPENMARK')
    expect(relay.received()).not.toContain('SECRETMARK')
    expect(answer).toMatchObject({ ai: { generated: true, processor: 'mistral' } })
  })

  test('that finds nothing names no model: none was called', async () => {
    const { answer, chats } = await ask('Where is it?', ['0191d1a0-0000-7000-8000-000000000000'])
    expect(chats).toEqual([])
    expect(answer).toMatchObject({ abstained: true, ai: { generated: false, processor: null } })
  })

  test('whose asker hangs up while the provider is silent leaves a failed call on record, and no open intent', async () => {
    const chats = requestsTo('/v1/chat/completions').length
    double.scriptFor('/v1/chat/completions', { kind: 'hang' })
    const leaving = new AbortController()
    const body = JSON.stringify({ question: 'Where is the invoice of Halvorsen?', document_ids: [ids.open] })
    const headers = { 'content-type': 'application/json' }
    const asking = greffier.fetch('/v1/answers', { method: 'POST', body, headers, signal: leaving.signal })
    const ended = expect(asking).rejects.toMatchObject({ name: 'AbortError' })
    await waitUntil(() => requestsTo('/v1/chat/completions').length > chats, 'the double to be asked')
    const [intent] = await openIntents()
    expect(intent).toMatchObject({ step: 'answer', model: { task: 'answer' } })
    leaving.abort()
    await ended
    await waitUntil(async () => (await openIntents()).length === 0, 'the intent to be closed')
    const events = await greffier.record(ids.open)
    expect(intent && closings(events, intent)).toMatchObject([
      { phase: 'completed', result: 'failed', error_code: 'MODEL_UNAVAILABLE', ai_generated: false },
    ])
  })

  test('that the provider fails is answered with a code, and not with the words of the provider', async () => {
    const failing = { kind: 'status', status: 500, body: { message: `OPENMARK ${API_KEY}` } } as const
    double.scriptFor('/v1/chat/completions', failing, failing, failing)
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ question: 'Where is the invoice of Halvorsen?', document_ids: [ids.open] })
    const response = await greffier.fetch('/v1/answers', { method: 'POST', body, headers })
    const text = await response.text()
    expect(response.status).toBe(502)
    expect(JSON.parse(text)).toMatchObject({ code: 'MODEL_UNAVAILABLE', detail: 'HTTP 500' })
    expect(text).not.toMatch(/OPENMARK|mistral-key/)
  })
})

describe('a provider that fails', () => {
  test('for a moment is asked again within the same call: the documents complete at their first start', async () => {
    double.scriptFor(
      '/v1/chat/completions',
      { kind: 'status', status: 500, body: { message: 'FAILMARK' } },
      { kind: 'status', status: 429, headers: { 'retry-after': '1' } },
      { kind: 'reset' },
      { kind: 'invalid_json' },
    )
    const settled = await Promise.all(['one', 'two', 'three', 'four'].map((name) => settledUpload(`FAILMARK ${name} is a boat.\n`)))
    for (const { document, events } of settled) {
      expect(document.status).toBe('completed')
      expect(document.stages.map(({ starts }) => starts)).toEqual([1, 1, 1, 1])
      const outcomes = callsOf(events, 'intent').map((intent) => closings(events, intent).map(({ result }) => result))
      expect(outcomes).toEqual([['ok'], ['ok'], ['ok']])
    }
  })

  test('again and again leaves a failed call, is asked under a new intent, and the document completes', async () => {
    const failing = { kind: 'status', status: 500, body: { message: 'FAILMARK' } } as const
    double.scriptFor('/v1/chat/completions', failing, failing, failing)
    const { document, events } = await settledUpload('FAILMARK is a raft.\n')
    expect(document.stages.find(({ stage }) => stage === 'enrich')).toMatchObject({ status: 'completed', starts: 2 })
    const outcomes = callsOf(events, 'intent').map((intent) => closings(events, intent).map((event) => event.error_code ?? event.result))
    expect(outcomes).toEqual([['MODEL_UNAVAILABLE'], ['ok'], ['ok'], ['ok']])
  })

  test('by ending in the middle of its answer leaves nothing partial, and is asked again', async () => {
    relay.cutNextAnswer()
    const { document, events } = await settledUpload('CUTMARK is a river.\n')
    expect(document.status).toBe('completed')
    for (const intent of callsOf(events, 'intent')) expect(closings(events, intent)).toMatchObject([{ result: 'ok' }])
  })

  test('for good, after some of a long document was embedded, ends it with the code and leaves no field, chunk or point of it searchable', async () => {
    const text = Array.from({ length: 6_000 }, (_, line) => `LONGMARK line ${line} of the register of lighthouses and their keepers.`).join(
      '\n',
    )
    const asUsual = { kind: 'usual' } as const
    double.scriptFor('/v1/embeddings', asUsual, asUsual, { kind: 'status', status: 400, body: { message: 'LONGMARK' } })
    const embedded = requestsTo('/v1/embeddings').length
    const { document, events } = await settledUpload(text)
    expect(document).toMatchObject({ status: 'failed', error_code: 'MODEL_REFUSED' })
    expect(requestsTo('/v1/embeddings').length - embedded).toBeGreaterThan(1)
    expect(callsOf(events, 'completed').map((event) => [event.model?.task, event.error_code])).toEqual([
      ['classify', null],
      ['extract', null],
      ['embed', 'MODEL_REFUSED'],
    ])
    const [chunks] = await greffier.rows<{ count: string }>('SELECT count(*) FROM chunks WHERE document_id = $1', [document.document_id])
    expect(chunks?.count).toBe('0')
    expect(await greffier.points(events[0]?.controller_ref ?? '', document.document_id)).toBe(0)
  })

  test('by sending us elsewhere is not followed: the other address sees no connection', async () => {
    const elsewhere = await startByteRelay(double.origin)
    for (const status of [301, 302, 307, 308]) {
      double.script({ kind: 'status', status, headers: { location: `${elsewhere.baseUrl}/chat/completions` } })
      const { document } = await settledUpload(`REDIRECTMARK ${status} is a road.\n`)
      expect(document).toMatchObject({ status: 'failed', error_code: 'MODEL_REFUSED' })
    }
    expect(elsewhere.connections()).toBe(0)
    await elsewhere.close()
  })
})

test('a document that is erased while it is embedded is in no call that had not begun', async () => {
  const text = Array.from(
    { length: 10_000 },
    (_, line) => `Line ${line} of a long list of boats, of their harbours and of their bells.`,
  ).join('\n')
  const { document_id } = await greffier.upload(text)
  const embedIntents = async () =>
    (await greffier.record(document_id)).filter((event) => event.model?.task === 'embed' && event.phase === 'intent')
  const erased = new Promise<void>((resolve, reject) => {
    meanwhile = async (piece) => {
      if (!piece.startsWith('POST /v1/embeddings')) return
      meanwhile = undefined
      await greffier.fetch(`/v1/documents/${document_id}`, { method: 'DELETE' }).then(() => resolve(), reject)
    }
  })
  await erased
  const [first] = await embedIntents()
  await waitUntil(async () => (await openIntents()).length === 0, 'the call to end')
  // The next call would have followed at once; by now another document has come all the way.
  await settledUpload('A later letter.\n')
  expect(await embedIntents()).toEqual([first])
})

test('the same bytes uploaded at once under several classes are decided on by the class that each was given', async () => {
  const text = 'TWINMARK: the bells of the chapel ring at noon.\n'
  const before = double.requests.length
  const classes = ['personal', 'special', 'none', 'criminal', 'personal,special', 'personal']
  const accepted = await Promise.all(
    classes.map((data_classes) => greffier.upload(text, { data_classes, on_duplicate: 'version' }).then(({ document_id }) => document_id)),
  )
  // The two uploads as personal data are one document, the second perhaps its second revision.
  expect(new Set(accepted).size).toBe(5)
  let intents = 0
  for (const [at, id] of accepted.entries()) {
    expect(await greffier.settled(id)).toMatchObject({ status: 'completed' })
    const events = await greffier.record(id)
    const declared = classes[at] ?? ''
    expect(events.filter((event) => event.recipient).every((event) => event.special === declared.includes('special'))).toBe(true)
    if (/special|criminal/.test(declared)) expect(callsOf(events, 'intent')).toEqual([])
    else if (at < 5) intents += callsOf(events, 'intent').length
  }
  expect(requestsSince(before, 'TWINMARK')).toBe(intents)
  expect(intents).toBeGreaterThanOrEqual(4)
})

function requestsSince(start: number, marker: string): number {
  return double.requests.slice(start).filter((request) => JSON.stringify(request.body).includes(marker)).length
}

test('no row of the database and no file holds the provider’s key or the text of a document, and no intent is open', async () => {
  expect(await openIntents()).toEqual([])
  const secret = /mistral-key-not-to-be-told|MARK\b/
  const tables = await greffier.rows<{ schema: string; name: string }>(
    `SELECT table_schema AS schema, table_name AS name FROM information_schema.tables
     WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`,
  )
  expect(tables.length).toBeGreaterThan(10)
  for (const { schema, name } of tables) {
    const rows = await greffier.rows<{ row: string }>(`SELECT t::text AS row FROM "${schema}"."${name}" t`)
    expect(rows.filter(({ row }) => secret.test(row)).length, `${schema}.${name}`).toBe(0)
  }
  const files = readdirSync(greffier.dataDir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(greffier.dataDir, name))
    .filter((path) => statSync(path).isFile())
  expect(files.length).toBeGreaterThan(10)
  expect(files.filter((path) => secret.test(readFileSync(path, 'latin1')))).toEqual([])
})

describe('other installations', () => {
  async function withGreffier(config: Parameters<typeof startGreffier>[0], work: (system: Greffier) => Promise<void>): Promise<void> {
    const system = await startGreffier(config)
    try {
      await work(system)
    } finally {
      await system.close()
    }
  }

  test('a provider that asks for more time than a call has is left alone for so long, and no start of the document is used up', async () => {
    const busy = await startModelDouble()
    busy.scriptFor('/v1/chat/completions', { kind: 'rate_limited', retryAfter: 3_000 })
    await withGreffier({ ...providerConfig(busy.baseUrl), PROCESSORS_FILE: registerWith(busy.baseUrl) }, async (system) => {
      const { document_id } = await system.upload('WAITMARK is a harbour.\n')
      const waiting = async () =>
        system.rows<{ starts: number; seconds: number }>(
          `SELECT s.starts, extract(epoch FROM o.due_at - now())::int AS seconds FROM stages s JOIN outbox o USING (document_id, stage)
           WHERE document_id = $1 AND stage = 'enrich' AND status = 'pending' AND error_code = 'MODEL_BUSY'`,
          [document_id],
        )
      await waitUntil(async () => (await waiting()).length > 0, 'the stage to be put back')
      const [put] = await waiting()
      expect(put?.starts).toBe(0)
      expect(put?.seconds).toBeGreaterThan(2_900)
      expect(busy.requests.filter(({ method }) => method === 'POST')).toHaveLength(1)
    })
    await busy.close()
  })

  test('without a provider that may see it a document ends as refused, with its code, and nothing of it is kept beside its text', async () => {
    const before = relay.received().length
    const config = { ...providerConfig(relay.baseUrl), PROVIDERS: ['mistral' as const], PROCESSORS_FILE: registerWith(relay.baseUrl) }
    await withGreffier(config, async (system) => {
      const { document, events } = await settledUpload('ALONEMARK is a secret.\n', { sensitivity: 'special' }, system)
      expect(document).toMatchObject({ status: 'refused', error_code: 'POLICY_REFUSED', fields: {}, type: null })
      expect(events.at(-1)).toMatchObject({ step: 'enrich', phase: 'refused', result: 'failed', error_code: 'POLICY_REFUSED' })
      expect(callsOf(events, 'refused')).toMatchObject([{ policy: { rule: SPECIAL_RULE, failed: [{ found: 'hosted' }] } }])
      expect(await system.points(events[0]?.controller_ref ?? '', document.document_id)).toBe(0)
      // Which models it serves is asked of every provider at the start, and shows it nothing.
      expect(relay.received().slice(before)).not.toMatch(/POST|ALONEMARK/)
    })
  })

  test('an address that the register does not hold sees no connection, even under a policy that asks for nothing', async () => {
    const proxy = await startByteRelay(double.origin)
    const config = { ...providerConfig(proxy.baseUrl), PROVIDERS: ['mistral' as const, 'builtin' as const], POLICY_FILE: openPolicy() }
    await withGreffier(config, async (system) => {
      const { document, events } = await settledUpload('PROXYMARK is a harbour.\n', {}, system)
      expect(document.status).toBe('completed')
      const failed = [{ requirement: 'endpoint in the register', found: 'unknown' }]
      expect(callsOf(events, 'refused')).toMatchObject([
        { recipient: { endpoint: proxy.origin }, policy: { rule: 'anything', failed } },
        { recipient: { endpoint: proxy.origin }, policy: { rule: 'anything', failed } },
        { recipient: { endpoint: proxy.origin }, policy: { rule: 'anything', failed } },
      ])
      await system.json('/v1/answers', { question: 'What is a harbour?' })
    })
    expect(proxy.connections()).toBe(0)
    await proxy.close()
  })
})
