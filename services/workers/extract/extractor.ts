import type { Readable } from 'node:stream'
import type { MediaType } from '../../../shared/contracts/document.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import type { Page } from '../../../shared/contracts/extraction.ts'
import { JOBS } from '../../../shared/contracts/jobs.ts'
import { converse, type Limits, type Outcome } from './conversation.ts'
import { createPool, type PoolBounds, type Reader } from './pool.ts'
import { createSandbox } from './sandbox.ts'

export interface ExtractorOptions {
  /** What one child may really use beside what its runtime reserves. */
  memoryBytesMax: number
  /** From the last byte handed over to the last page received. How long the handing over takes is up to the source and the caller's signal. */
  wallClockMs: number
  /** UTF-16 code units over all pages of one document. */
  textCharactersMax: number
  pagesMax: number
  /** Children that wait, imported and idle, about 110 MB each. */
  warm: number
  /** Told once, at the start, what holds less than it should. */
  onNotice?: (notice: string) => void
  /** When a child that has read a document is kept for the next one. */
  reuse?: Partial<Omit<PoolBounds, 'warm'>>
  /** False leaves memory to the parent's watch even where the kernel could hold it. For tests of that way. */
  systemLimits?: boolean
  /** What runs in the child (a file URL). For tests with a reader that misbehaves. */
  entry?: URL
}

export interface SourceDocument {
  tenantId: string
  mediaType: MediaType
  /** Its bytes once more: asked for at most once. */
  reopen: () => Promise<Readable>
}

export interface Extractor {
  /**
   * The pages of one document, read from `source` in a sandboxed process that reads for no other tenant. It is gone when this settles, unless it read the
   * document without any fault and is kept for the tenant's next one. A process that has read other documents never decides that one fails: a fresh
   * process reads it again, from `reopen`, and has the last word. `source` is always destroyed.
   * Throws AppError PDF_ENCRYPTED, DOCUMENT_UNREADABLE, EXTRACTION_LIMIT or EXTRACTOR_CRASHED; the error of the source; the reason of `signal`.
   * Runs as many at once as are asked for: the caller bounds them.
   */
  extract(source: Readable, document: SourceDocument, signal: AbortSignal): Promise<Page[]>
  /** Ends every child; documents being read fail with UNAVAILABLE. */
  close(): Promise<void>
}

/** What a workers process gives its extractor. */
export const EXTRACT_LIMITS = {
  /** A small hostile file asks for gigabytes; an ordinary PDF takes 200 MB, 50 MB of plain text take all of it. */
  memoryBytesMax: 700_000_000,
  /** Well before the stage's own timeout, so that the child's reason is the one on record. */
  wallClockMs: JOBS.extract.timeoutMs / 2,
  textCharactersMax: 20_000_000,
  pagesMax: 10_000,
  warm: JOBS.extract.concurrency,
} as const satisfies ExtractorOptions

/** Why a child may go on reading, and for whom: docs/decisions/0007-an-extractor-reads-several-documents-of-one-tenant.md. */
const REUSE: Omit<PoolBounds, 'warm'> = {
  idleChildrenMax: 4,
  idleMs: 30_000,
  documentsMax: 500,
  processorMsMax: 30_000,
  residentBytesMax: 250_000_000,
}
/** Of a document that is not the first of its child. One that needs longer gets its whole time in a fresh one, and both together stay below the stage's timeout. */
const FURTHER_WALL_CLOCK_MS_MAX = 10_000
/** Threads of V8 spend processor time beside the wall clock. */
const CPU_PER_WALL_CLOCK = 4
const CPU_SECONDS_START = 10

export function createExtractor(options: ExtractorOptions): Extractor {
  const { memoryBytesMax, wallClockMs, textCharactersMax, pagesMax } = options
  const { systemLimits = true, entry = new URL('./child/entry.ts', import.meta.url) } = options
  const bounds: PoolBounds = { ...REUSE, ...options.reuse, warm: options.warm }
  // The kernel counts the whole life of a child: what it may have computed before its last document, and that one.
  const cpuSecondsMax = Math.ceil(bounds.processorMsMax / 1_000) + Math.ceil(wallClockMs / 1_000) * CPU_PER_WALL_CLOCK + CPU_SECONDS_START
  const sandbox = createSandbox(entry, { memoryBytesMax, cpuSecondsMax }, systemLimits)
  const limits: Limits = { memoryBytesMax, memoryHeld: sandbox.memoryHeld, wallClockMs, textCharactersMax, pagesMax }
  const furtherLimits: Limits = { ...limits, wallClockMs: Math.min(wallClockMs, FURTHER_WALL_CLOCK_MS_MAX) }
  if (!sandbox.memoryHeld)
    options.onNotice?.(
      'no prlimit (util-linux) that works here: the memory of text extraction is watched every 100 ms instead of held by the kernel',
    )

  const pool = createPool(sandbox, bounds)
  const closing = new AbortController()
  return {
    extract,
    close() {
      closing.abort(new AppError('UNAVAILABLE', 'the extractor is closing'))
      return pool.close()
    },
  }

  async function extract(source: Readable, document: SourceDocument, signal: AbortSignal): Promise<Page[]> {
    const used = pool.takeUsed(document.tenantId)
    if (used) {
      const outcome = await read(source, document.mediaType, furtherLimits, async () => used, signal)
      if (outcome.kind === 'read') return outcome.pages
    }
    const unread = used ? await document.reopen() : source
    const outcome = await read(unread, document.mediaType, limits, (over) => pool.takeFresh(document.tenantId, over), signal)
    if (outcome.kind === 'failed') throw outcome.error
    return outcome.pages
  }

  async function read(
    source: Readable,
    mediaType: MediaType,
    documentLimits: Limits,
    take: (over: AbortSignal) => Promise<Reader>,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const over = new AbortController()
    // From the start, because a source may fail while a child is still starting; and for good, because it may fail twice.
    source.on('error', (error) => over.abort(error))
    const forget = [follow(signal, over), follow(closing.signal, over)]
    try {
      return await readWith(await take(over.signal), source, mediaType, documentLimits, over.signal)
    } finally {
      source.destroy()
      for (const stop of forget) stop()
    }
  }

  async function readWith(
    reader: Reader,
    source: Readable,
    mediaType: MediaType,
    documentLimits: Limits,
    over: AbortSignal,
  ): Promise<Outcome> {
    let clean = false
    try {
      over.throwIfAborted()
      const outcome = await converse(reader.child, source, mediaType, documentLimits, over)
      clean = outcome.kind === 'read'
      return outcome
    } finally {
      if (clean) await pool.giveBack(reader)
      else await pool.end(reader)
    }
  }
}

function follow(signal: AbortSignal, over: AbortController): () => void {
  const abort = () => over.abort(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  return () => signal.removeEventListener('abort', abort)
}
