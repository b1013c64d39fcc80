import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { WRAPPED_KEY_BYTES } from '../../shared/blobs/keys.ts'
import type { ErasureView } from '../../shared/contracts/erasure.ts'
import { type DocumentJson, type Greffier, startGreffier } from '../support/greffier.ts'
import { waitUntil } from '../support/wait.ts'

const TEST_MS = 240_000
/** In a file name, metadata, a text, a question, a field that was read, a hold's reason, and what a person is known by. */
const MARKERS = [
  'Zwirbelhuber',
  'Mandragorenweg',
  'Quittenbaum',
  'Pfefferkornius',
  'Wacholderheim',
  'Nachtigalfeder',
  'zaunkoenigin',
] as const
const FILE_NAME = `${MARKERS[0]}.txt`
const INVOICE = `Invoice

Invoice number: RE-1
Seller: ${MARKERS[4]} Ltd
Bill to: Hildegard Beispiel
E-mail: ${MARKERS[6]}@example.org
Date: 3 March 2026
Total: 10.00 EUR`
/** Of a stored original: behind magic and version (shared/blobs/vault.ts). */
const WRAPPED_KEY_START = 5

test('what a document said and was called, its key, its vectors and its token hashes are in no byte of the data folder after its erasure, PostgreSQL’s included, running or stopped', {
  timeout: TEST_MS,
}, async () => {
  // Its own database server: its heap and its write-ahead log are in the folder.
  const greffier = await startGreffier({ DATABASE_URL: undefined, DATABASE_OWNER_URL: undefined })
  try {
    // The search itself is not blind.
    const control = join(greffier.dataDir, 'control')
    writeFileSync(control, Buffer.concat([Buffer.of(0), Buffer.from(MARKERS[0].toUpperCase())]))
    expect(findMarkers(greffier.dataDir)).toHaveLength(1)
    rmSync(control)
    const first = await greffier.upload(
      `Vertrag mit ${MARKERS[2]}: die Frist endet am 31. März 2027.`,
      { file_name: FILE_NAME, metadata: JSON.stringify({ street: MARKERS[1] }) },
      { 'idempotency-key': 'once' },
    )
    await completed(greffier, first.document_id)
    const second = await greffier.upload(INVOICE, { file_name: 'invoice.txt' })
    const { fields } = await completed(greffier, second.document_id)
    expect(JSON.stringify(fields)).toContain(MARKERS[4])
    await greffier.json('/v1/answers', { question: `Wann endet die Frist von ${MARKERS[2]} und ${MARKERS[3]}?` })
    await send(greffier, 'PUT', `/v1/documents/${first.document_id}/hold`, { reason: '17-3-e', text: `Klage von ${MARKERS[5]}` })
    expect((await send(greffier, 'DELETE', `/v1/documents/${first.document_id}`)).status).toBe(409)
    await send(greffier, 'DELETE', `/v1/documents/${first.document_id}/hold`)

    // What a page break parts in the file is not found by its bytes, before or after.
    const traces = [...keysOf(greffier.dataDir), ...searchTraces(greffier.dataDir)].filter(
      (trace) => findTraces(greffier.dataDir, [trace]).length > 0,
    )
    expect(new Set(traces.map(({ what }) => what))).toEqual(new Set(['key', 'vector', 'hash']))

    await greffier.erase(first.document_id)
    const asked = await greffier.json<ErasureView>('/v1/erasures', {
      ground: '17-1-b',
      scope: { identifiers: { email: `${MARKERS[6]}@example.org` } },
    })
    expect(asked.counts.documents).toBe(1)
    await waitUntil(
      async () => (await greffier.json<ErasureView>(`/v1/erasures/${asked.erasure_id}`)).state === 'done',
      'the erasure by person',
    )
    await waitUntil(async () => (await greffier.fetch(`/v1/erasures/${asked.erasure_id}/certificate`)).status === 200, 'its certificate')
    const found = () => [...findMarkers(greffier.dataDir), ...findTraces(greffier.dataDir, traces)]
    expect(found()).toEqual([])
    await greffier.stop()
    const files = filesBelow(greffier.dataDir)
    for (const part of ['pg_wal', 'search.sqlite', 'tombstones.jsonl'])
      expect(
        files.some((path) => path.includes(part)),
        part,
      ).toBe(true)
    expect(found()).toEqual([])
  } finally {
    await greffier.close()
  }
})

interface Trace {
  what: 'key' | 'vector' | 'hash'
  bytes: Buffer
}

/** The wrapped keys of all documents: each lies in its original and nowhere else. */
function keysOf(dataDir: string): Trace[] {
  return filesBelow(join(dataDir, 'blobs/objects')).map((path) => ({
    what: 'key',
    bytes: readFileSync(path).subarray(WRAPPED_KEY_START, WRAPPED_KEY_START + WRAPPED_KEY_BYTES),
  }))
}

/** What the search store holds of all documents: their vectors as they lie in its blocks, and the hashes of their words. */
function searchTraces(dataDir: string): Trace[] {
  const db = new DatabaseSync(join(dataDir, 'search.sqlite'), { readOnly: true })
  try {
    const points = db.prepare('SELECT dimension, hashes FROM points').all() as { dimension: number | null; hashes: string }[]
    const dimensions = [...new Set(points.flatMap(({ dimension }) => dimension ?? []))]
    const vectors = dimensions.flatMap((dimension) => {
      const blocks = db.prepare(`SELECT vectors FROM vectors_${dimension}_vector_chunks00`).all() as { vectors: Uint8Array }[]
      const bytes = dimension * Float32Array.BYTES_PER_ELEMENT
      return blocks.flatMap(({ vectors: block }) =>
        Array.from({ length: block.length / bytes }, (_, at) => Buffer.from(block.subarray(at * bytes, (at + 1) * bytes))).filter((one) =>
          one.some((byte) => byte !== 0),
        ),
      )
    })
    const hashes = new Set(points.flatMap((point) => point.hashes.split(' ')))
    return [
      ...vectors.map((bytes) => ({ what: 'vector' as const, bytes })),
      ...[...hashes].filter((hash) => hash.length > 0).map((hash) => ({ what: 'hash' as const, bytes: Buffer.from(hash) })),
    ]
  } finally {
    db.close()
  }
}

function findTraces(folder: string, traces: readonly Trace[]): string[] {
  return filesBelow(folder).flatMap((path) => {
    const bytes = readFileSync(path)
    return traces.filter((trace) => bytes.includes(trace.bytes)).map(({ what }) => `a ${what} in ${path}`)
  })
}

async function completed(greffier: Greffier, id: string): Promise<DocumentJson> {
  const read = () => greffier.json<DocumentJson>(`/v1/documents/${id}`)
  await waitUntil(async () => (await read()).status === 'completed', `the document ${id}`)
  return read()
}

function send(greffier: Greffier, method: string, path: string, body?: object): Promise<Response> {
  return greffier.fetch(path, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
}

/** Where any of them stands, in UTF-8 of any letter case or in UTF-16; the blocks of a running server come and go. */
function findMarkers(folder: string): string[] {
  return filesBelow(folder).flatMap((path) => {
    const bytes = readFileSync(path)
    const text = bytes.toString('latin1').toLowerCase()
    return MARKERS.filter((marker) => text.includes(marker.toLowerCase()) || bytes.includes(Buffer.from(marker, 'utf16le'))).map(
      (marker) => `${marker} in ${path}`,
    )
  })
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
}
