import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { createFilesystemBlobs } from '../../shared/blobs/filesystem.ts'
import { createVault } from '../../shared/blobs/vault.ts'
import type { UploadAccepted } from '../../shared/contracts/document.ts'
import type { ProcessingEvent } from '../../shared/contracts/record.ts'
import { openDatabase } from '../../shared/database/connection.ts'
import { sweepOnce } from '../../shared/queue/sweeper.ts'
import { places, type ServiceProcess, type ServiceProcesses } from '../support/service-processes.ts'
import { waitUntil } from '../support/wait.ts'
import { pointsOf, stepsOf } from './pipeline.ts'

let serial = 0

/** Another text each time, of one page and one chunk. */
export function uniqueText(): string {
  return `Schreiben ${++serial}: die Heizung im Treppenhaus wurde am 4. Mai 2026 abgelesen.`
}

export function send(
  { apiKey }: ServiceProcesses,
  { url }: ServiceProcess,
  method: string,
  path: string,
  body?: string,
): Promise<Response> {
  return fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${apiKey}` }, ...(body === undefined ? {} : { body }) })
}

/** The id of a document that was taken in. */
export async function upload(services: ServiceProcesses, ingest: ServiceProcess, text = uniqueText()): Promise<string> {
  const response = await send(services, ingest, 'POST', '/v1/documents?file_name=a.txt', text)
  expect(response.status).toBe(202)
  return ((await response.json()) as UploadAccepted).document_id
}

/** SIGSTOP has taken effect: State T in proc_pid_status(5). */
export function isStopped(pid: number): boolean {
  return /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
}

/** The document's record, oldest first. */
export async function recordOf({ rows }: ServiceProcesses, documentId: string): Promise<ProcessingEvent[]> {
  const events = await rows<{ body: string }>('SELECT body FROM events WHERE $1 = ANY (document_ids) ORDER BY seq', [documentId])
  return events.map(({ body }) => JSON.parse(body) as ProcessingEvent)
}

/** Resolves when all are completed, and each stage of each of them took effect once: one event, one set of points, nothing under way. */
export async function completedOnce(services: ServiceProcesses, documentIds: readonly string[], what: string): Promise<void> {
  const open = () => services.rows<{ id: string }>(`SELECT id FROM documents WHERE id = ANY ($1) AND status <> 'completed'`, [documentIds])
  await waitUntil(async () => (await open()).length === 0, `every document to complete: ${what}`)
  for (const id of documentIds) {
    const steps = (await stepsOf(services, id)).filter(({ phase }) => phase === 'completed').map(({ step }) => step)
    expect(steps, what).toEqual(['upload', 'extract', 'enrich', 'index', 'done'])
    const chunks = (await services.rows<{ id: string }>('SELECT id FROM chunks WHERE document_id = $1 ORDER BY id', [id])).map(
      (row) => row.id,
    )
    expect(chunks.length, what).toBeGreaterThan(0)
    expect(pointsOf(services, id), what).toEqual(chunks.map((chunk) => ({ id: chunk, vector: true })))
  }
  expect(await services.rows(`SELECT * FROM stages WHERE document_id = ANY ($1) AND status <> 'completed'`, [documentIds]), what).toEqual(
    [],
  )
}

/**
 * A sweep after which no upload is young, and again while another sweeper is at it. Resolves when there are the originals of these documents,
 * and no other file and no other artifact.
 */
export async function sweptClean(services: ServiceProcesses, documentIds: readonly string[]): Promise<void> {
  const ids = [...documentIds].sort()
  const database = openDatabase(services.serviceUrl, (error) => {
    throw error
  })
  const blobs = createFilesystemBlobs(join(services.dataDir, 'blobs'))
  try {
    await waitUntil(async () => {
      await sweepOnce(database, createVault(blobs), blobs, 0)
      const { originals, artifacts, incoming } = await places(services)
      return isDeepStrictEqual([originals, [...new Set(artifacts)], incoming], [ids, ids, []])
    }, 'the sweeper to leave what belongs to documents and nothing else')
  } finally {
    await database.destroy()
  }
}

export const NOTHING = { content: 0, annex: 0, idempotency: 0, points: 0, originals: 0 }

/** Everything of a document that an erasure has to remove, counted in each store. */
export async function traces(services: ServiceProcesses, documentId: string): Promise<typeof NOTHING> {
  const count = async (table: string, condition = 'true') =>
    (await services.rows(`SELECT FROM ${table} WHERE document_id = $1 AND ${condition}`, [documentId])).length
  const [row] = await services.rows<Record<string, Buffer | null>>(
    'SELECT sealed_annex, content_commit, dedupe_hmac FROM documents WHERE id = $1',
    [documentId],
  )
  return {
    content: (await count('pages')) + (await count('fields')) + (await count('chunks')),
    annex: Object.values(row ?? {}).filter((column) => column !== null).length,
    idempotency: await count('idempotency'),
    points: pointsOf(services, documentId).length,
    originals: (await places(services)).originals.filter((name) => name === documentId).length,
  }
}
