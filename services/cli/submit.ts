import { basename } from 'node:path'
import type { Writable } from 'node:stream'
import type { DocumentAi } from '../../shared/contracts/ai-mark.ts'
import type { DocumentStatus, DocumentView, FieldView, UploadAccepted } from '../../shared/contracts/document.ts'
import { CliError, toCliError } from './cli-error.ts'
import type { Client, UploadChoices } from './client.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { openLocalFile } from './local-file.ts'
import { bytesText, secondsText } from './print/text.ts'
import { createProgressBoard, type ProgressLine } from './progress.ts'
import { waitUntilFinal } from './wait.ts'

const DOCUMENTS_AT_ONCE = 4
const MILLISECONDS = 1_000

/** One document as `--json` prints it. `document_id` is null where the server took none in. */
export interface DocumentResult {
  file: string
  document_id: string | null
  status: DocumentStatus
  error_code: string | null
  type: string | null
  language: string | null
  pages: Array<{ number: number; method: string; characters: number }>
  fields: Record<string, FieldView>
  /** What the server says of who made them (AI Act Art. 50(2)); null while they were not asked for. */
  ai: DocumentAi | null
  seconds: number
}

export interface Submission {
  result: DocumentResult
  /** Null where the document went through, or is on its way when nobody waits. */
  failure: CliError | null
}

export interface FileToSubmit {
  path: string
  choices: UploadChoices
}

/**
 * Uploads every file, a few at a time, and with `wait` follows each to its end. A file that fails does not stop the others: it is in the
 * answer, which has the order of `files`. Throws only when interrupted.
 */
export async function submitFiles(
  client: Client,
  files: readonly FileToSubmit[],
  options: { wait: boolean; stderr: Writable },
): Promise<Submission[]> {
  const board = createProgressBoard(options.stderr, files.length)
  const lines = files.map((file) => board.add(basename(file.path)))
  const submissions: Submission[] = []
  const queue = files.entries()
  const takeTurns = async () => {
    for (const [index, file] of queue) submissions[index] = await submit(client, file, lines[index] as ProgressLine, options.wait)
  }
  try {
    await Promise.all(Array.from({ length: DOCUMENTS_AT_ONCE }, takeTurns))
    return submissions
  } finally {
    board.stop()
  }
}

/** 0 when all went through, the common reason when all failed for one, `documentsFailed` otherwise. */
export function exitCodeOfSubmissions(submissions: readonly Submission[]): ExitCode {
  const failures = submissions.flatMap(({ failure }) => (failure ? [failure.exitCode] : []))
  const [first] = failures
  if (first === undefined) return EXIT.ok
  const general: readonly ExitCode[] = [EXIT.missing, EXIT.unreachable, EXIT.tryLater, EXIT.protocol, EXIT.notAllowed]
  const sameForAll = failures.length === submissions.length && failures.every((code) => code === first)
  return sameForAll && general.includes(first) ? first : EXIT.documentsFailed
}

export function secondsSince(startedAtMs: number): number {
  return Math.round(performance.now() - startedAtMs) / MILLISECONDS
}

async function submit(client: Client, file: FileToSubmit, line: ProgressLine, wait: boolean): Promise<Submission> {
  const startedAtMs = performance.now()
  let accepted: UploadAccepted | null = null
  let view: DocumentView | null = null
  let failure: CliError | null = null
  try {
    client.interrupted.throwIfAborted()
    const { name, bytes } = await openLocalFile(file.path)
    line.update(0, `uploading ${bytesText(bytes.size)}`)
    accepted = await client.upload(name, bytes, file.choices)
    if (wait) {
      await waitUntilFinal(client, accepted.document_id, (progress) => {
        const running = progress.stages.find(({ status }) => status === 'running')
        line.update(progress.percent, running?.stage ?? progress.status)
      })
      view = await client.document(accepted.document_id)
    }
    failure = failureOf(view?.status ?? accepted.status, view)
  } catch (error) {
    client.interrupted.throwIfAborted()
    failure = toCliError(error)
  }
  const seconds = secondsSince(startedAtMs)
  const result = resultOf({ file: file.path, accepted, view, failure, seconds })
  line.finish(failure ? `${result.status}: ${failure.code}` : `${result.status} in ${secondsText(seconds)}`)
  return { result, failure }
}

function failureOf(status: DocumentStatus, view: DocumentView | null): CliError | null {
  if (status === 'received' || status === 'processing' || status === 'completed') return null
  const why = view?.refusal ? `: ${view.refusal.sentences.join(' ')}` : ''
  return new CliError(view?.error_code ?? `DOCUMENT_${status.toUpperCase()}`, `the document ended as ${status}${why}`, EXIT.documentsFailed)
}

function resultOf(outcome: {
  file: string
  accepted: UploadAccepted | null
  view: DocumentView | null
  failure: CliError | null
  seconds: number
}): DocumentResult {
  const { file, accepted, view, failure, seconds } = outcome
  return {
    file,
    document_id: accepted?.document_id ?? null,
    status: view?.status ?? (failure ? statusOfFailure(failure) : (accepted?.status ?? 'failed')),
    error_code: failure?.code ?? null,
    type: view?.type ?? null,
    language: view?.language ?? null,
    pages: (view?.pages ?? []).map(({ number, method, characters }) => ({ number, method, characters })),
    fields: view?.fields ?? {},
    ai: view?.ai ?? null,
    seconds,
  }
}

function statusOfFailure(failure: CliError): DocumentStatus {
  if (failure.code === 'POLICY_REFUSED') return 'refused'
  if (failure.code === 'DOCUMENT_ERASED') return 'erased'
  return failure.code === 'WAIT_TIMEOUT' ? 'processing' : 'failed'
}
