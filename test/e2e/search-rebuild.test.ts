import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { rebuildSearch as rebuildCommand } from '../../services/cli/commands/rebuild-search.ts'
import { EXIT } from '../../services/cli/exit-codes.ts'
import type { ErasureView } from '../../shared/contracts/erasure.ts'
import type { CertificateAnswer } from '../../shared/contracts/erasure-certificate.ts'
import { type Database, openDatabase } from '../../shared/database/connection.ts'
import { takeRebuildLock } from '../../shared/database/store-rebuilds.ts'
import { openNote } from '../../shared/ledger/note.ts'
import { verifierOf } from '../../shared/ledger/note-keys.ts'
import { type RebuildOutcome, rebuildSearch } from '../../shared/runtime/search-rebuild.ts'
import { createQdrantSearch } from '../../shared/search/qdrant.ts'
import { runCli, testContext } from '../services/cli/run-cli.ts'
import { type Greffier, startGreffier } from '../support/greffier.ts'
import { unheard } from '../support/pools.ts'
import { type QdrantDouble, startQdrantDouble } from '../support/qdrant-double.ts'
import { waitUntil } from '../support/wait.ts'

const SWITCH = 'POST /collections/aliases'
const DAY_MS = 86_400_000

let qdrant: QdrantDouble
let greffier: Greffier
let database: Database
beforeAll(async () => {
  qdrant = await startQdrantDouble()
  greffier = await startGreffier({ QDRANT_URL: qdrant.url })
  database = openDatabase(greffier.databaseUrl, unheard)
})
afterAll(async () => {
  await database.destroy()
  await greffier.close()
  await qdrant.close()
})

let serial = 0
async function document(): Promise<string> {
  const { document_id } = await greffier.upload(`Akte ${++serial}: der Wasserschaden im Leuchtturm wurde am 3. März 2026 gemeldet.`)
  expect(await greffier.settled(document_id)).toMatchObject({ status: 'completed' })
  return document_id
}

async function erased(...ids: string[]): Promise<string> {
  const { erasure_id } = await greffier.json<ErasureView>('/v1/erasures', { ground: '17-1-b', scope: { document_ids: ids } })
  await waitUntil(async () => (await greffier.json<ErasureView>(`/v1/erasures/${erasure_id}`)).state === 'done', 'the erasure')
  return erasure_id
}

const certificateOf = (id: string) => greffier.json<CertificateAnswer>(`/v1/erasures/${id}/certificate`)
const residualsOf = async (id: string) => (await certificateOf(id)).certificate.residuals
const QDRANT_REMAINS = [{ holder: 'store', name: 'qdrant', until: null }]

const services = (settleMs = 1, backupRetentionDays = 0) => ({
  search: createQdrantSearch({ url: qdrant.url, settleMs }),
  database,
  databaseUrl: greffier.databaseUrl,
  backupRetentionDays,
})
const watch = { onStep: () => undefined, signal: new AbortController().signal }
const rebuilt = (settleMs?: number, backupRetentionDays?: number): Promise<RebuildOutcome> =>
  rebuildSearch(services(settleMs, backupRetentionDays), watch)

/** What the server keeps of a document, in any collection. */
async function pointsOf(documentId: string): Promise<number> {
  const count = { filter: { must: [{ key: 'document_id', match: { value: documentId } }] }, exact: true }
  const answer = await fetch(`${qdrant.url}/collections/greffier/points/count`, { method: 'POST', body: JSON.stringify(count) })
  return ((await answer.json()) as { result: { count: number } }).result.count
}

test('an erasure over Qdrant is logical only until a rebuild: then a certificate is issued again, signed and on record, and is complete', async () => {
  const [id, stays] = [await document(), await document()]
  const request = await erased(id)
  const before = await certificateOf(request)
  expect(before.certificate).toMatchObject({ status: { state: 'logical_only' }, residuals: QDRANT_REMAINS })
  expect(before.certificate.stores.find(({ store }) => store === 'qdrant')).toMatchObject({ method: 'deleted softly', physical_at: null })

  const outcome = await rebuilt()
  expect(outcome).toMatchObject({ state: 'rebuilt', store: 'qdrant', documents: 1, certificates: 1 })
  const finishedAt = outcome.state === 'rebuilt' ? outcome.finished_at.toISOString() : ''
  // By itself, without being asked.
  await waitUntil(
    async () => (await greffier.rows('SELECT FROM erasure_requests WHERE certificate_due_at IS NOT NULL')).length === 0,
    'it to be issued again',
  )
  const { certificate, note, vkey, event_id, hash } = await certificateOf(request)
  expect(JSON.parse(openNote(note, [verifierOf(vkey)]).text)).toEqual(certificate)
  expect(certificate).toMatchObject({ status: { state: 'complete' }, residuals: [], documents: [id] })
  expect(certificate.stores.find(({ store }) => store === 'qdrant')).toMatchObject({
    method: expect.stringContaining('built anew'),
    physical_at: finishedAt,
    logical_at: before.certificate.stores[0]?.logical_at,
  })
  expect(event_id).not.toBe(before.event_id)
  const [event] = await greffier.rows<{ body: string }>('SELECT body FROM events WHERE id = $1', [event_id])
  expect(JSON.parse(event?.body ?? '')).toMatchObject({ step: 'certificate', request_ref: request, output_hash: hash })
  const found = await greffier.json<{ hits: { document_id: string }[] }>('/v1/search', { query: 'Wasserschaden Leuchtturm' })
  expect(found.hits.map(({ document_id }) => document_id)).toContain(stays)
})

test('a document that is erased while the store is rebuilt is not in it afterwards, and remains until the next rebuild', async () => {
  const id = await document()
  let request = ''
  qdrant.before = async (line) => {
    if (line !== SWITCH || request !== '') return
    request = 'asked'
    request = await erased(id)
    expect(await pointsOf(id)).toBe(0)
  }
  expect(await rebuilt()).toMatchObject({ state: 'rebuilt', documents: 0, certificates: 0 })
  expect(await pointsOf(id)).toBe(0)
  expect(await residualsOf(request)).toEqual(QDRANT_REMAINS)
  await rebuilt()
  expect((await certificateOf(request)).certificate.status).toEqual({ state: 'complete' })
})

test('one document that was not left behind keeps the certificate of several from being complete', async () => {
  const [first, second] = [await document(), await document()]
  await erased(first)
  let request = ''
  qdrant.before = async (line) => {
    if (line !== SWITCH || request !== '') return
    request = 'asked'
    request = await erased(first, second)
  }
  await rebuilt()
  expect((await certificateOf(request)).certificate).toMatchObject({ status: { state: 'logical_only' }, residuals: QDRANT_REMAINS })
})

test('a document that is uploaded and one that is processed anew while the store is rebuilt are found afterwards', async () => {
  const again = await document()
  let fresh = ''
  qdrant.before = async (line) => {
    if (line !== SWITCH || fresh !== '') return
    fresh = 'uploaded'
    fresh = await document()
    await greffier.json(`/v1/documents/${again}/reprocess`, {})
    expect(await greffier.settled(again)).toMatchObject({ status: 'completed', revision: 2 })
  }
  expect(await rebuilt()).toMatchObject({ state: 'rebuilt' })
  expect([await pointsOf(fresh), await pointsOf(again)]).toEqual([1, 1])
  const found = await greffier.json<{ hits: { document_id: string }[] }>('/v1/search', { query: 'Wasserschaden Leuchtturm', limit: 50 })
  expect(found.hits.map(({ document_id }) => document_id)).toEqual(expect.arrayContaining([fresh, again]))
})

test('backups are counted from the end of the rebuild, since one of the moment before holds what it left behind', async () => {
  const own = await startGreffier({ QDRANT_URL: qdrant.url, BACKUP_RETENTION_DAYS: 30 })
  const ownDatabase = openDatabase(own.databaseUrl, unheard)
  try {
    const { document_id } = await own.upload('Akte: der Keller stand unter Wasser.')
    await own.settled(document_id)
    const path = (await own.fetch(`/v1/documents/${document_id}`, { method: 'DELETE' })).headers.get('location')
    await waitUntil(async () => (await own.fetch(`${path}/certificate`)).status === 200, 'the certificate')
    await own.rows(`UPDATE stages SET finished_at = finished_at - interval '10 days' WHERE document_id = $1`, [document_id])
    const outcome = await rebuildSearch({ ...services(1, 30), database: ownDatabase, databaseUrl: own.databaseUrl }, watch)
    const until = new Date((outcome.state === 'rebuilt' ? outcome.finished_at.getTime() : 0) + 30 * DAY_MS).toISOString()
    expect((await own.json<CertificateAnswer>(`${path}/certificate`)).certificate).toMatchObject({
      status: { state: 'residual_until', until },
      residuals: [{ holder: 'backup', until }],
    })
  } finally {
    await ownDatabase.destroy()
    await own.close()
  }
})

test('of two rebuilds at once one is refused, and one that loses its lock stops before it drops anything', async () => {
  const request = await erased(await document())
  let second: RebuildOutcome | undefined
  qdrant.before = async (line) => {
    if (line !== SWITCH || second) return
    second = await rebuilt()
    await greffier.rows(
      `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      [0x726264],
    )
  }
  // So long that it would not come to an end by itself.
  await expect(rebuilt(60_000)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(second).toEqual({ store: 'qdrant', state: 'busy' })
  expect(await residualsOf(request)).toEqual(QDRANT_REMAINS)
  expect(await rebuilt()).toMatchObject({ state: 'rebuilt' })
  expect((await certificateOf(request)).certificate.status).toEqual({ state: 'complete' })
})

test('a rebuild that was stopped after its switch and is brought to its end counts for what was erased before it began', async () => {
  const request = await erased(await document())
  const stopping = new AbortController()
  const onStep = ({ step }: { step: string }) => {
    if (step === 'switched') stopping.abort(new Error('stopped'))
  }
  await expect(rebuildSearch(services(), { onStep, signal: stopping.signal })).rejects.toThrow('stopped')
  const [open] = await greffier.rows<{ id: string }>('SELECT id FROM store_rebuilds WHERE finished_at IS NULL')
  // The next one dies as soon as that has been brought to its end.
  qdrant.before = async (line) => {
    if (/^PUT \/collections\/greffier-\d+$/.test(line)) throw new Error('killed')
  }
  await expect(rebuilt()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  qdrant.before = async () => undefined
  const [next] = await greffier.rows<{ id: string }>('SELECT id FROM store_rebuilds WHERE finished_at IS NULL')
  expect(next?.id).not.toBe(open?.id)
  expect((await certificateOf(request)).certificate.status).toEqual({ state: 'complete' })
})

test('the command says what it did in one line, and what stands in its way by its exit code', async () => {
  await erased(await document())
  const said = testContext()
  expect(await rebuildCommand(said.context, (one) => rebuildSearch(services(), one))).toBe(EXIT.ok)
  expect(said.stdout()).toMatch(
    /^qdrant was built anew with \d+ points?: 1 erased document left no bytes in it, 1 certificate will be issued again\n$/,
  )
  expect(said.stderr()).toContain('searches and writers use the new collection')
  const json = testContext({ json: true })
  await rebuildCommand(json.context, (one) => rebuildSearch(services(), one))
  expect(JSON.parse(json.stdout())).toMatchObject({ store: 'qdrant', state: 'rebuilt', documents: 0, certificates: 0 })

  await fetch(`${qdrant.url}/collections/greffier/snapshots`, { method: 'POST' })
  const blocked = rebuildCommand(testContext().context, (one) => rebuildSearch(services(), one))
  await expect(blocked).rejects.toMatchObject({ code: 'SNAPSHOTS_KEPT', exitCode: EXIT.rejected })
  const counted = rebuildCommand(testContext().context, (one) => rebuildSearch(services(1, 7), one))
  expect(await counted).toBe(EXIT.ok)

  const lock = await takeRebuildLock(greffier.databaseUrl)
  const env = { DATABASE_URL: greffier.databaseUrl, QDRANT_URL: qdrant.url }
  const busy = await runCli(['rebuild-search'], { env })
  await lock?.release()
  expect([busy.code, busy.stdout, busy.stderr]).toEqual([
    EXIT.tryLater,
    '',
    'greffier: another rebuild of qdrant is under way (REBUILD_RUNNING)\n',
  ])
})

test('over SQLite the command says that none is needed; beside an embedded database it says what is missing', async () => {
  const { code, stdout, stderr } = await runCli(['rebuild-search'], { env: { DATABASE_URL: greffier.databaseUrl } })
  expect([code, stdout, stderr]).toEqual([
    0,
    'without QDRANT_URL the search store is sqlite, which overwrites what it removes: no rebuild is needed\n',
    '',
  ])
  const without = await runCli(['rebuild-search'], { env: { QDRANT_URL: `${qdrant.url}/${randomUUID()}` } })
  expect([without.code, without.stdout]).toEqual([EXIT.configuration, ''])
  expect(without.stderr).toContain('DATABASE_URL')
})
