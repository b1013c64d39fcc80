import { z } from 'zod'
import { DocumentStatus, FINAL_STATUSES, StageView } from '../../shared/contracts/document.ts'
import { CliError } from './cli-error.ts'
import type { Client } from './client.ts'
import { EXIT } from './exit-codes.ts'
import { pause } from './pause.ts'
import { readEvents } from './server-sent-events.ts'

const WAIT_MS_MAX = 30 * 60_000
/** A proxy may hold events back: after this silence the client asks instead of listening. */
const SILENCE_MS_MAX = 15_000
const POLL_MS_MIN = 200
const POLL_MS_MAX = 2_000
/** A server that restarts is back within this many polls. */
const UNREACHABLE_POLLS_MAX = 15

const Progress = z.looseObject({
  status: DocumentStatus,
  stages: z.array(StageView),
  percent: z.number().min(0).max(100),
})
export type Progress = Pick<z.infer<typeof Progress>, 'status' | 'stages' | 'percent'>

/**
 * Waits until the document has a final status, by server-sent events, or by polling where these do not come through.
 * Throws CliError WAIT_TIMEOUT after half an hour, and what the server answers when the document is gone.
 */
export async function waitUntilFinal(client: Client, documentId: string, onProgress: (progress: Progress) => void): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX
  if (await listen(client, documentId, onProgress)) return
  client.interrupted.throwIfAborted()
  await poll(client, documentId, onProgress, deadline)
}

/** True when a final status came by. Whatever else happens here, polling tells the reason: so no failure is reported from here. */
async function listen(client: Client, documentId: string, onProgress: (progress: Progress) => void): Promise<boolean> {
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(new Error('no event for too long')), SILENCE_MS_MAX)
  try {
    const response = await client.progress(documentId, silence.signal, WAIT_MS_MAX)
    if (!response.headers.get('content-type')?.startsWith('text/event-stream') || !response.body) return false
    for await (const { event, data } of readEvents(response.body)) {
      timer.refresh()
      if (event !== 'progress') continue
      const progress = Progress.parse(JSON.parse(data))
      onProgress(progress)
      if (FINAL_STATUSES.includes(progress.status)) return true
    }
    return false
  } catch {
    return false
  } finally {
    clearTimeout(timer)
    silence.abort()
  }
}

async function poll(client: Client, documentId: string, onProgress: (progress: Progress) => void, deadline: number): Promise<void> {
  let unreachable = 0
  for (let pauseMs = POLL_MS_MIN; performance.now() < deadline; pauseMs = Math.min(pauseMs * 1.5, POLL_MS_MAX)) {
    try {
      const { status, stages } = await client.document(documentId)
      unreachable = 0
      onProgress({ status, stages, percent: percentOf(stages) })
      if (FINAL_STATUSES.includes(status)) return
    } catch (error) {
      const mayComeBack = error instanceof CliError && error.code === 'SERVER_UNREACHABLE' && ++unreachable < UNREACHABLE_POLLS_MAX
      if (!mayComeBack) throw error
    }
    await pause(pauseMs, client.interrupted)
  }
  throw new CliError('WAIT_TIMEOUT', 'the document was not finished in time; it goes on, `greffier show` tells', EXIT.documentsFailed)
}

function percentOf(stages: readonly StageView[]): number {
  if (stages.length === 0) return 0
  return Math.round((100 * stages.filter(({ status }) => status === 'completed').length) / stages.length)
}
