import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import { FINAL_STATUSES } from '../../shared/contracts/document.ts'
import { AppError } from '../../shared/contracts/errors.ts'
import { FIRST_STAGE, JOBS, type Stage } from '../../shared/contracts/jobs.ts'
import { type Database, withTenant } from '../../shared/database/connection.ts'
import { findDocument } from '../../shared/database/documents.ts'
import { PROGRESS_CHANNEL } from '../../shared/database/stages.ts'
import { authorize } from '../../shared/runtime/auth.ts'
import type { HttpServer } from '../../shared/runtime/http.ts'
import type { IngestServices } from './services.ts'
import { readStages } from './view.ts'

/** A notification can be lost with its connection, so a follower looks by itself this often; it also keeps proxies from closing the stream. */
const LOOK_MS = 2_000
const FOLLOW_MS_MAX = 15 * 60_000
const FOLLOWERS_MAX = 1_000

type Progress = {
  document_id: string
  status: string
  error_code: string | null
  stages: Awaited<ReturnType<typeof readStages>>
  percent: number
}

/** Server-sent events (WHATWG HTML, 9.2): one `progress` event at once, one a change, and the end of the stream after a final status. */
export function addProgressRoute(server: HttpServer, { database, listener }: IngestServices): void {
  const followers = new Set<ServerResponse>()
  // A follower may wait for minutes; whoever stops the server does not wait for it.
  server.addHook('preClose', async () => {
    for (const response of followers) response.end()
  })
  server.get(
    '/v1/documents/:id/progress',
    {
      onRequest: authorize(database, 'documents:read'),
      // HEAD would hold its connection as long as GET, and send nothing.
      exposeHeadRoute: false,
      schema: { tags: ['documents'], summary: 'Follow a document (server-sent events)', params: z.object({ id: z.uuid() }) },
    },
    async ({ identity, params }, reply) => {
      const first = await readProgress(database, identity.tenantId, params.id)
      if (followers.size >= FOLLOWERS_MAX) throw new AppError('UNAVAILABLE', 'too many followers', { retryAfterSeconds: 5 })
      reply.hijack()
      const response = reply.raw
      // It left while we looked: its close was heard by nobody and does not come again.
      if (response.destroyed) return
      followers.add(response)
      response.on('close', () => followers.delete(response))
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
      follow(
        response,
        first,
        () => readProgress(database, identity.tenantId, params.id),
        (heard) =>
          listener.on(PROGRESS_CHANNEL, (documentId) => {
            if (documentId === null || documentId === params.id) heard()
          }),
      )
    },
  )
}

function follow(
  response: ServerResponse,
  first: Progress,
  look: () => Promise<Progress>,
  subscribe: (heard: () => void) => () => void,
): void {
  let sent = ''
  let looking = false
  let missed = false
  const send = (progress: Progress) => {
    const data = JSON.stringify(progress)
    response.write(data === sent ? ': still here\n\n' : `event: progress\ndata: ${data}\n\n`)
    sent = data
    if (FINAL_STATUSES.some((status) => status === progress.status)) response.end()
  }
  const again = async () => {
    if (looking) missed = true
    if (looking || response.writableEnded) return
    looking = true
    try {
      do {
        missed = false
        send(await look())
      } while (missed && !response.writableEnded)
    } catch {
      // The status line is out, so the stream can only end: the client asks again and then gets the error as such.
      response.end()
    } finally {
      looking = false
    }
  }
  const unsubscribe = subscribe(() => void again())
  const timer = setInterval(() => void again(), LOOK_MS)
  const limit = setTimeout(() => response.end(), FOLLOW_MS_MAX)
  response.on('close', () => {
    unsubscribe()
    clearInterval(timer)
    clearTimeout(limit)
  })
  send(first)
  // A change between the first look and the subscription would otherwise wait for the next look.
  void again()
}

async function readProgress(database: Database, tenantId: string, documentId: string): Promise<Progress> {
  return withTenant(database, tenantId, async (tx) => {
    const { status, error_code, revision } = await findDocument(tx, documentId)
    const stages = await readStages(tx, documentId, revision)
    const done = stages.filter((stage) => stage.status === 'completed').length
    return { document_id: documentId, status, error_code, stages, percent: Math.round((100 * done) / pipelineLength()) }
  })
}

function pipelineLength(): number {
  let length = 0
  for (let stage: Stage | null = FIRST_STAGE; stage !== null; stage = JOBS[stage].next) length++
  return length
}
