import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import jsonld, { type JsonLdDocument } from 'jsonld'
import { PDFParse } from 'pdf-parse'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DocumentRecord, ProcessingEvent } from '../../shared/contracts/record.ts'
import type { RecordAccess, RecordsPage } from '../../shared/contracts/records.ts'
import { RECORD_EVENTS_MAX } from '../../shared/database/events.ts'
import { startCli } from '../services/cli/run-cli.ts'
import { temporaryFolder } from '../support/folder.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { parseCsv } from '../support/parse-csv.ts'
import { waitUntil } from '../support/wait.ts'

const MANY = 20_001
const REASON = 'Case 4711: the supervisory authority asks which files were concerned.'

let greffier: Greffier
let heron: string
let stork: string
/** A tenant with a long record, of events that other writers made. */
let long: { tenantId: string; apiKey: string }

beforeAll(async () => {
  greffier = await startGreffier()
  heron = (await greffier.upload('The heron letter.', { file_name: 'heron.txt', metadata: JSON.stringify({ case: 'H-1' }) })).document_id
  stork = (await greffier.upload('The stork report.', { file_name: 'stork.txt', purpose: 'contracts' })).document_id
  for (const id of [heron, stork]) await greffier.settled(id)
  long = await greffier.addTenant()
  const [event] = await greffier.rows<{ body: string }>('SELECT body FROM events ORDER BY seq LIMIT 1')
  await greffier.rows(
    `INSERT INTO events (id, tenant_id, document_ids, phase, body)
     SELECT gen_random_uuid(), $1, '{}', 'completed', jsonb_set($2::jsonb, '{duration_ms}', to_jsonb(n))::text FROM generate_series(1, $3) n`,
    [long.tenantId, event?.body, MANY],
  )
})
afterAll(() => greffier.close())

const bearer = (apiKey: string) => ({ authorization: `Bearer ${apiKey}` })
const ask = (path: string, headers: Record<string, string> = {}) => greffier.fetch(path, { headers })
const code = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code]
const bodies = (where: string, ...values: unknown[]) =>
  greffier.rows<{ body: string }>(`SELECT body FROM events WHERE ${where} ORDER BY occurred_at, seq`, values)
const tenantOf = async (id: string) =>
  (await greffier.rows<{ tenant_id: string }>('SELECT tenant_id FROM documents WHERE id = $1', [id]))[0]?.tenant_id

/** The two events that bracket the last export of a tenant. */
async function lastExport(tenantId: string): Promise<ProcessingEvent[]> {
  const rows = await bodies(`tenant_id = $1 AND body LIKE '%"step":"records_export"%'`, tenantId)
  const events = rows.map(({ body }) => JSON.parse(body) as ProcessingEvent)
  return events.filter(({ request_ref }) => request_ref === events.at(-1)?.request_ref)
}

describe('the view', () => {
  test('shows the newest event first and follows its cursor to the first', async () => {
    const events: ProcessingEvent[] = []
    for (let cursor: string | null = null; ; ) {
      const page: RecordsPage = await greffier.json(`/v1/records?limit=3${cursor === null ? '' : `&cursor=${cursor}`}`)
      events.push(...page.events)
      cursor = page.next_cursor
      if (cursor === null) break
    }
    const expected = await bodies('tenant_id = $1', await tenantOf(heron))
    expect(events.toReversed()).toEqual(expected.map(({ body }) => JSON.parse(body)))
    expect(events.length).toBeGreaterThan(10)
  })

  test('takes its filters together', async () => {
    const found = await greffier.json<RecordsPage>(`/v1/records?document=${stork}&operation=Collect&purpose=contracts&outcome=completed`)
    expect(found.events).toMatchObject([{ doc_ref: stork, step: 'upload' }])
    expect(found.next_cursor).toBeNull()
    expect(await greffier.json(`/v1/records?document=${stork}&operation=Collect&purpose=invoices`)).toEqual({
      events: [],
      next_cursor: null,
    })
  })

  test('of one document, a record that is longer than an answer says so, and the pages have all of it', async () => {
    const { tenantId, apiKey } = await greffier.addTenant()
    const id = crypto.randomUUID()
    await greffier.rows(
      `INSERT INTO documents (id, tenant_id, status, media_type, bytes, sensitivity, data_classes, purpose)
       SELECT $1, $2, status, media_type, bytes, sensitivity, data_classes, purpose FROM documents WHERE id = $3`,
      [id, tenantId, heron],
    )
    const [upload] = await greffier.record(heron)
    const add = (events: number) =>
      greffier.rows(
        `INSERT INTO events (id, tenant_id, document_ids, phase, body)
         SELECT gen_random_uuid(), $1, ARRAY[$2::uuid], phase, body FROM events, generate_series(1, $3) WHERE id = $4`,
        [tenantId, id, events, upload?.event_id],
      )
    const look = async () => (await (await ask(`/v1/documents/${id}/record`, bearer(apiKey))).json()) as DocumentRecord
    await add(RECORD_EVENTS_MAX)
    expect(await look()).toMatchObject({ complete: true, events: { length: RECORD_EVENTS_MAX } })
    await add(1)
    expect(await look()).toMatchObject({ complete: false, events: { length: RECORD_EVENTS_MAX } })
    const exported = await (await ask(`/v1/records/export?format=jsonl&document=${id}`, bearer(apiKey))).text()
    expect(exported.trimEnd().split('\n')).toHaveLength(RECORD_EVENTS_MAX + 1)
  }, 60_000)

  test.each([
    ['a filter that does not exist', 'colour=blue'],
    ['an operation that does not exist', 'operation=Look'],
    ['a document that is no id', 'document=heron'],
    ['an identifier instead of the id of a subject', 'subject=jane@example.org'],
    ['a period that ends before it begins', 'from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z'],
    ['a cursor that is no event', `cursor=${crypto.randomUUID()}`],
    ['a page of nothing', 'limit=0'],
  ])('refuses %s', async (_what, query) => {
    expect(await code(await ask(`/v1/records?${query}`))).toEqual([400, 'INVALID_REQUEST'])
  })
})

describe('an export', () => {
  test('as JSON Lines is the canonical text of every event, bracketed by two events, the second with the hash of its bytes', async () => {
    const tenantId = await tenantOf(heron)
    const before = await bodies('tenant_id = $1', tenantId)
    const response = await ask('/v1/records/export?format=jsonl')
    const text = await response.text()
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="records.jsonl"')
    expect(text).toBe(before.map(({ body }) => `${body}\n`).join(''))
    const hash = createHash('sha256').update(text).digest('hex')
    expect(await lastExport(tenantId ?? '')).toMatchObject([
      { operation: 'Retrieve', result: 'ok', output_hash: null },
      { operation: 'Transmit', result: 'ok', output_hash: hash },
    ])
  })

  test('of one document is in that document’s record', async () => {
    const text = await (await ask(`/v1/records/export?format=jsonl&document=${heron}`)).text()
    expect(new Set(text.match(/"doc_ref":"[^"]+"/g))).toEqual(new Set([`"doc_ref":"${heron}"`]))
    expect(await greffier.record(heron)).toContainEqual(expect.objectContaining({ step: 'records_export', operation: 'Retrieve' }))
  })

  test('as CSV has a head and a line for each event', async () => {
    const response = await ask('/v1/records/export?format=csv&operation=Collect')
    expect(response.headers.get('content-type')).toContain('text/csv; charset=utf-8')
    const [head = [], ...rows] = parseCsv(await response.text())
    const records = rows.map((row) => Object.fromEntries(row.map((cell, at) => [head[at], cell])))
    expect(records).toMatchObject([
      { document: heron, step: 'upload', outcome: 'completed', purpose: 'document_processing', special: 'false' },
      { document: stork, step: 'upload', outcome: 'completed', purpose: 'contracts' },
    ])
  })

  test('as JSON-LD expands without a network to one record of processing for each event', async () => {
    const document = (await (await ask(`/v1/records/export?format=jsonld&document=${stork}`)).json()) as JsonLdDocument & {
      '@graph': object[]
    }
    const options = { documentLoader: () => Promise.reject(new Error('nothing is to be fetched')), safe: true }
    const nodes = await jsonld.expand(document, options)
    expect(nodes).toHaveLength(document['@graph'].length)
    expect(nodes.length).toBeGreaterThan(4)
    for (const node of nodes) expect(node['@type']).toEqual(['https://w3id.org/dpv#DataProcessingRecord'])
    const empty = (await (await ask('/v1/records/export?format=jsonld&purpose=nothing')).json()) as object
    expect(empty).toMatchObject({ '@graph': [] })
  })

  test('as PDF says what it covers, sums it up and holds every event', async () => {
    const { events } = await greffier.json<DocumentRecord>(`/v1/documents/${stork}/record`)
    const response = await ask(`/v1/records/export?format=pdf&document=${stork}`)
    const parser = new PDFParse({ data: new Uint8Array(await response.arrayBuffer()) })
    const { text } = await parser.getText()
    await parser.destroy()
    expect(response.headers.get('content-type')).toBe('application/pdf')
    for (const part of [
      'Record of processing of one document',
      stork,
      'Operations',
      'Processors and countries',
      'Rules of the policy',
      'builtin',
    ])
      expect(text).toContain(part)
    for (const { time } of events) expect(text).toContain(time.slice(11, 19))
    expect(text).toMatch(/stored: \d+ points in sqlite/)
    expect(text).not.toContain('left after it')
  })

  test('as PDF is refused, not shortened, where it would be longer than anybody reads; one without a single event says so', async () => {
    const refused = await ask('/v1/records/export?format=pdf', bearer(long.apiKey))
    expect(await code(refused)).toEqual([422, 'EXPORT_TOO_LARGE'])
    expect((await ask('/v1/records/export?format=pdf&purpose=nothing')).status).toBe(200)
  })

  test('holds nothing of another tenant', async () => {
    const text = await (await ask('/v1/records/export?format=jsonl', bearer(long.apiKey))).text()
    expect(text).not.toContain(stork)
    expect(text.split('\n')).toHaveLength(
      MANY + 1 + (await bodies(`tenant_id = $1 AND body LIKE '%records_export%'`, long.tenantId)).length - 2,
    )
    expect((await ask(`/v1/records/export?format=jsonl&document=${stork}`, bearer(long.apiKey))).status).toBe(200)
    expect(await (await ask(`/v1/records/export?format=jsonl&document=${stork}`, bearer(long.apiKey))).text()).toBe('')
  })

  test('stops when its reader leaves, and says on record that it did not end', async () => {
    const url = new URL(`${greffier.url}/v1/records/export?format=jsonl`)
    await new Promise<void>((resolve, reject) => {
      request(url, { headers: bearer(long.apiKey) }, (response) => {
        // One part is read; nobody asks for more, so that the server waits, and then the connection is gone.
        response.once('data', () => {
          response.destroy()
          resolve()
        })
      })
        .on('error', reject)
        .end()
    })
    await waitUntil(async () => {
      const [, end] = await lastExport(long.tenantId)
      return end?.result === 'failed' && end.error_code === 'EXPORT_ABORTED' && end.output_hash === null
    }, 'the export that nobody reads to end as failed')
  })

  test('that fails in the middle breaks off, and is never a short file that looks whole', async () => {
    await greffier.rows(
      `UPDATE events SET body = '{' WHERE seq = (SELECT max(seq) FROM events WHERE tenant_id = $1 AND operation = 'Collect')`,
      [long.tenantId],
    )
    const response = await ask('/v1/records/export?format=csv', bearer(long.apiKey))
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
    expect(await lastExport(long.tenantId)).toMatchObject([
      { operation: 'Retrieve' },
      { operation: 'Transmit', result: 'failed', output_hash: null },
    ])
  })
})

describe('what cannot be recorded is not done:', () => {
  /** As long as the work takes, no event is written of which `condition` holds. */
  async function refusing(condition: string, work: () => Promise<void>): Promise<void> {
    await greffier.rows(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$`)
    await greffier.rows(`CREATE TRIGGER refusing BEFORE INSERT ON events FOR EACH ROW WHEN (${condition}) EXECUTE FUNCTION refuse()`)
    try {
      await work()
    } finally {
      await greffier.rows('DROP TRIGGER refusing ON events')
      await greffier.rows('DROP FUNCTION refuse')
    }
  }

  test('no name leaves before the access to it is on record', async () => {
    await refusing(`NEW.body LIKE '%"step":"annex"%'`, async () => {
      for (const path of [
        '/v1/records?annex=true',
        `/v1/documents/${heron}/record?annex=true`,
        '/v1/records/export?format=jsonl&annex=true',
      ]) {
        const response = await ask(path, { justification: REASON })
        expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining('heron.txt')])
      }
    })
  })

  test('an export whose end is not on record does not end well', async () => {
    await refusing(`NEW.operation = 'Transmit'`, async () => {
      const response = await ask('/v1/records/export?format=jsonl')
      await expect(response.text()).rejects.toThrow()
    })
    await refusing(`NEW.operation = 'Retrieve'`, async () => {
      expect((await ask('/v1/records/export?format=jsonl')).status).toBe(500)
    })
    expect((await ask('/v1/records/export?format=jsonl')).status).toBe(200)
  })
})

describe('names in the record', () => {
  const annexed = (path: string, justification: string = REASON) => ask(path, { justification })
  const accesses = async (id: string) => (await greffier.record(id)).filter(({ step }) => step === 'annex')

  test.each(['/v1/records?annex=true', `/v1/records/export?format=jsonl&annex=true`, '/v1/documents/:id/record?annex=true'])(
    'are not shown by %s without a justification, nor with one that says nothing',
    async (path) => {
      const before = (await accesses(heron)).length
      for (const headers of [
        {},
        { justification: 'because' },
        { justification: ' '.repeat(40) },
        { justification: 'x'.repeat(2_001) },
        { justification: "UTF-8''%E0%A4" },
      ])
        expect(await code(await ask(path.replace(':id', heron), headers as Record<string, string>))).toEqual([
          400,
          'JUSTIFICATION_REQUIRED',
        ])
      expect(await accesses(heron)).toHaveLength(before)
    },
  )

  test('come with an event that commits to the justification, which can be read later', async () => {
    const shown = (await (await annexed(`/v1/documents/${heron}/record?annex=true`)).json()) as DocumentRecord
    expect(shown.annex).toMatchObject({ file_name: 'heron.txt', metadata: { case: 'H-1' }, uploaded_by: { name: expect.any(String) } })
    const [access] = (await accesses(heron)).slice(-1)
    expect(access).toMatchObject({ operation: 'Retrieve', justification_commit: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(await greffier.json<RecordAccess>(`/v1/record-accesses/${access?.request_ref}`)).toMatchObject({ justification: REASON })
    const kept = await greffier.rows<{ sealed_justification: Buffer }>('SELECT sealed_justification FROM record_accesses')
    for (const { sealed_justification } of kept) expect(sealed_justification.includes('supervisory')).toBe(false)
    expect(JSON.stringify(await greffier.rows('SELECT body FROM events'))).not.toContain('supervisory')
  })

  test('come by document with a page and with every line of JSON Lines, and with nothing else', async () => {
    const page = (await (await annexed('/v1/records?annex=true&operation=Collect')).json()) as RecordsPage
    expect(page.annexes).toMatchObject({ [heron]: { file_name: 'heron.txt' }, [stork]: { file_name: 'stork.txt' } })
    const text = await (await annexed(`/v1/records/export?format=jsonl&annex=true&operation=Collect`)).text()
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: ProcessingEvent; annexes: object })
    expect(lines).toMatchObject([
      { event: { doc_ref: heron }, annexes: { [heron]: { file_name: 'heron.txt' } } },
      { event: { doc_ref: stork }, annexes: { [stork]: { file_name: 'stork.txt' } } },
    ])
    expect((await accesses(stork)).length).toBe(2)
    expect(await code(await annexed('/v1/records/export?format=csv&annex=true'))).toEqual([400, 'INVALID_REQUEST'])
    expect(await (await ask('/v1/records?operation=Collect')).text()).not.toContain('heron.txt')
  })

  test.each(['Prüfung der Löschung auf Wunsch des Betroffenen, Fall Łódź', 'Έλεγχος από την εποπτική αρχή'])(
    'take a justification in any language: %s',
    async (reason) => {
      await annexed(`/v1/documents/${heron}/record?annex=true`, `UTF-8''${encodeURIComponent(reason)}`)
      const [access] = (await accesses(heron)).slice(-1)
      expect((await greffier.json<RecordAccess>(`/v1/record-accesses/${access?.request_ref}`)).justification).toBe(reason)
    },
  )

  test('are gone after the erasure, and hidden while a restriction stands', async () => {
    await greffier.fetch(`/v1/documents/${stork}/restriction`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ground: '18-1-a' }),
    })
    expect(await (await annexed(`/v1/documents/${stork}/record?annex=true`)).json()).toMatchObject({ annex: null })
    await greffier.fetch(`/v1/documents/${stork}/restriction`, { method: 'DELETE' })
    await greffier.erase(stork)
    expect(await (await annexed(`/v1/documents/${stork}/record?annex=true`)).json()).toMatchObject({ annex: null })
    const page = (await (await annexed(`/v1/records?annex=true&document=${stork}&operation=Collect`)).json()) as RecordsPage
    expect(page).toMatchObject({ events: [{ doc_ref: stork }], annexes: { [stork]: null } })
  })
})

describe('greffier records', () => {
  const cli = (args: string[]) =>
    startCli(['records', ...args], { env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: greffier.apiKey } }).exited

  test('follows the pages up to the limit, on a terminal or as one JSON value', async () => {
    const { stdout, code, stderr } = await cli(['--document', heron, '--operation', 'Collect'])
    expect([stderr, code]).toEqual(['', 0])
    expect(stdout).toMatch(/^time \(UTC\) +operation +step +phase +document +purpose/)
    expect(stdout).toContain(heron)
    const { events, next_cursor } = JSON.parse((await cli(['--limit', '3', '--json'])).stdout) as RecordsPage
    expect(events).toHaveLength(3)
    expect(next_cursor).toBe(events.at(-1)?.event_id)
  })

  test('shows names with a justification alone, also one that no header carries as it is', async () => {
    expect(await cli(['--annex'])).toMatchObject({ code: 64, stderr: expect.stringContaining('--justification') })
    const reason = 'Prüfung durch die Aufsicht, Aktenzeichen 4711'
    const { stdout } = await cli(['--operation', 'Collect', '--annex', '--justification', reason])
    expect(stdout).toContain('heron.txt')
  })

  test('writes an export to a file that has its name when it is whole, and to stdout', async () => {
    const folder = temporaryFolder()
    const file = join(folder, 'records.csv')
    expect(await cli(['--format', 'csv', '--operation', 'Collect', '--out', file])).toMatchObject({ code: 0, stderr: '' })
    expect(parseCsv(readFileSync(file, 'utf8'))).toHaveLength(3)
    expect(parseCsv((await cli(['--format', 'csv', '--operation', 'Collect'])).stdout)).toHaveLength(3)
    // The record of the other tenant was damaged above.
    const broken = startCli(['records', '--format', 'csv', '--out', join(folder, 'broken.csv')], {
      env: { GREFFIER_URL: greffier.url, GREFFIER_API_KEY: long.apiKey },
    })
    expect(await broken.exited).toMatchObject({ code: 1, stderr: expect.stringContaining('EXPORT_ABORTED') })
    expect(readdirSync(folder)).toEqual(['records.csv'])
  })
})
