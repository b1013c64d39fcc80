import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'
import { createFilesystemBlobs } from '../../shared/blobs/filesystem.ts'
import { createVault } from '../../shared/blobs/vault.ts'
import { chunkId } from '../../shared/contracts/ids.ts'
import { JOBS } from '../../shared/contracts/jobs.ts'
import type { ProcessingEvent } from '../../shared/contracts/record.ts'
import { openDatabase } from '../../shared/database/connection.ts'
import { sweepOnce } from '../../shared/queue/sweeper.ts'
import { unheard } from '../support/pools.ts'
import { waitUntil } from '../support/wait.ts'
import { expectCompletedOnce, type Rows } from './outcomes.ts'
import type { StormClients } from './storm-clients.ts'

/** Of a stage that somebody still has to do something about: after an erasure only the erasure is due. */
const DUE = `s.status IN ('pending', 'running') AND (s.stage = 'erase' OR d.erased_at IS NULL)`

/** While the services run: resolves when nothing is due any more, in PostgreSQL or in the queue. Throws, with what is, when nothing of it changes for a minute. */
export async function nothingDue(rows: Rows): Promise<void> {
  const whatIsDue = async () => {
    const due = await rows<Due>(WHAT_IS_DUE)
    if (due.length > 0 && due.every(({ what, later }) => what.startsWith('stage erase pending') && later)) await putClockForward(rows)
    return due.map(({ what, document_id }) => `${document_id} ${what}`).join('\n')
  }
  for (let due = await whatIsDue(); due !== ''; ) {
    const before = due
    await waitUntil(async () => {
      due = await whatIsDue()
      return due !== before
    }, `something of this to happen:\n${before}\n`)
  }
}

interface Due {
  what: string
  document_id: string
  /** It waits in the outbox for a time to come. */
  later: boolean
}

const WHAT_IS_DUE = `
  SELECT concat_ws(' ', 'stage', s.stage, s.status, s.starts, s.error_code) AS what, s.document_id, coalesce(o.due_at > now() + interval '1 second', false) AS later
  FROM stages s JOIN documents d ON d.id = s.document_id 
    LEFT JOIN outbox o ON (o.document_id, o.revision, o.stage) = (s.document_id, s.revision, s.stage)
  WHERE ${DUE}
  UNION ALL SELECT concat_ws(' ', 'outbox', stage), document_id, false FROM outbox WHERE stage <> 'erase' OR due_at < now()
  UNION ALL SELECT concat_ws(' ', 'job', queue, state), (data->>'document_id')::uuid, false FROM bullmq.job
  ORDER BY 2, 1`

/** An erasure looks again when no start of an earlier stage can write any more. That takes minutes where a start was killed; nobody else is at work here. */
async function putClockForward(rows: Rows): Promise<void> {
  const laterMs = Math.max(...Object.values(JOBS).map((job) => job.timeoutMs)) * 2
  await rows(`UPDATE stages SET started_at = started_at - ${laterMs} * interval '1 millisecond' WHERE stage <> 'erase'`)
  await rows('UPDATE outbox SET due_at = now()')
}

/** What a storm leaves, when all services have stopped. `serviceUrl` and `rows` reach its database. */
export async function expectNothingLost(
  { accepted, erased }: StormClients,
  { dataDir, serviceUrl, rows }: { dataDir: string; serviceUrl: string; rows: Rows },
): Promise<void> {
  const living = [...accepted.keys()].filter((id) => !erased.has(id)).sort()
  const completed = living.filter((id) => accepted.get(id)?.text !== null)
  await expectDocuments(rows, [...accepted.keys()], { erased, completed })
  for (const id of completed) await expectCompletedOnce({ rows, dataDir }, id, id)
  await expectCallsClosed(rows)
  await expectPoints(rows, join(dataDir, 'search.sqlite'), completed)
  await expectFiles(rows, dataDir, serviceUrl, living)
}

interface DocumentRow {
  id: string
  revision: number
  status: string
  error_code: string | null
}

/** accepted = completed + failed with a reason + erased, each exactly once. */
async function expectDocuments(
  rows: Rows,
  accepted: readonly string[],
  expected: { erased: ReadonlySet<string>; completed: readonly string[] },
): Promise<void> {
  const found = await rows<DocumentRow>('SELECT id, revision, status, error_code FROM documents ORDER BY id')
  const outcome = (id: string) => {
    if (expected.erased.has(id)) return { status: 'erased', error_code: null }
    return expected.completed.includes(id) ? { status: 'completed', error_code: null } : { status: 'failed', error_code: 'NO_TEXT' }
  }
  expect(found).toEqual([...accepted].sort().map((id) => ({ id, revision: 1, ...outcome(id) })))
  expect(await rows(`SELECT s.document_id, s.stage, s.status FROM stages s JOIN documents d ON d.id = s.document_id WHERE ${DUE}`)).toEqual(
    [],
  )
  expect(await rows('SELECT * FROM outbox')).toEqual([])
  // The erasures are done, and each read every store back as empty.
  const erasures = await rows<{ document_id: string }>(
    `SELECT document_id FROM stages WHERE stage = 'erase' AND status = 'completed' ORDER BY 1`,
  )
  expect(erasures.map((row) => row.document_id)).toEqual([...expected.erased].sort())
  for (const table of ['pages', 'fields', 'chunks', 'idempotency'])
    expect(await rows(`SELECT FROM ${table} t JOIN documents d ON d.id = t.document_id WHERE d.erased_at IS NOT NULL`), table).toEqual([])
}

/** No call of a model is left open. */
async function expectCallsClosed(rows: Rows): Promise<void> {
  const events = (await rows<{ body: string }>('SELECT body FROM events ORDER BY seq')).map(
    ({ body }) => JSON.parse(body) as ProcessingEvent,
  )
  const intents = events.filter(({ phase }) => phase === 'intent').map((event) => event.event_id)
  const open = (await rows<{ event_id: string }>('SELECT event_id FROM open_intents')).map((row) => row.event_id)
  const closed = events
    .filter(({ phase, model }) => model !== null && phase !== 'intent' && phase !== 'refused')
    .flatMap((event) => event.parent_events)
  expect([...closed, ...open].sort()).toEqual([...intents].sort())
}

/** One set of points per completed document, each with the id that it always has, with its words and its vector, and nothing else. */
async function expectPoints(rows: Rows, path: string, completed: readonly string[]): Promise<void> {
  const chunks = await rows<{ id: string; document_id: string; revision: number; ordinal: number }>(
    'SELECT id, document_id, revision, ordinal FROM chunks ORDER BY document_id, ordinal',
  )
  expect([...new Set(chunks.map((chunk) => chunk.document_id))]).toEqual(completed)
  expect(chunks.map(({ id }) => id)).toEqual(chunks.map(({ document_id, revision, ordinal }) => chunkId(document_id, revision, ordinal)))

  const store = new DatabaseSync(path, { readOnly: true })
  try {
    const all = (query: string) =>
      store
        .prepare(query)
        .all()
        .map((row) => ({ ...row }))
    const points = all('SELECT rowid, id, document_id, revision, dimension FROM points ORDER BY id')
    expect(points.map(({ id, document_id, revision }) => ({ id, document_id, revision }))).toEqual(
      chunks.map(({ id, document_id, revision }) => ({ id, document_id, revision })).sort((one, other) => (one.id < other.id ? -1 : 1)),
    )
    const byRow = points.map((point) => Number(point.rowid)).sort((one, other) => one - other)
    const [dimension] = new Set(points.map((point) => point.dimension))
    expect(all(`SELECT rowid FROM vectors_${dimension}_rowids ORDER BY rowid`).map(({ rowid }) => rowid)).toEqual(byRow)
    expect(all('SELECT id FROM tokens_docsize ORDER BY id').map(({ id }) => id)).toEqual(byRow)
    expect(all('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
  } finally {
    store.close()
  }
}

/** Every file is registered; after a sweep for which nothing is too young there are the originals of living documents and nothing else. */
async function expectFiles(rows: Rows, dataDir: string, serviceUrl: string, living: readonly string[]): Promise<void> {
  const registered = async (condition: string) =>
    (await rows<{ id: string }>(`SELECT document_id AS id FROM artifacts WHERE kind = 'original' AND ${condition} ORDER BY 1`)).map(
      ({ id }) => id,
    )
  const known = new Set(await registered('true'))
  expect(
    (await originals(dataDir)).filter((id) => !known.has(id)),
    'files that are not registered',
  ).toEqual([])

  await rows(`UPDATE open_intents SET created_at = created_at - interval '1 hour'`)
  const blobs = createFilesystemBlobs(join(dataDir, 'blobs'))
  const database = openDatabase(serviceUrl, unheard)
  try {
    await sweepOnce(database, createVault(blobs), blobs, 0)
  } finally {
    await database.destroy()
  }
  expect(await originals(dataDir)).toEqual(living)
  expect(await registered('erased_at IS NULL')).toEqual(living)
  expect(await readdir(join(dataDir, 'blobs', 'incoming'))).toEqual([])
  expect(await rows('SELECT * FROM outbox')).toEqual([])
  expect(await rows('SELECT * FROM open_intents')).toEqual([])
}

async function originals(dataDir: string): Promise<string[]> {
  const entries = await readdir(join(dataDir, 'blobs', 'objects'), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
}
