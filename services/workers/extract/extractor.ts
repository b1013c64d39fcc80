import type { Readable } from 'node:stream'
import type { MediaType } from '../../../shared/contracts/document.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import type { Page } from '../../../shared/contracts/extraction.ts'
import type { Task } from './child/entry.ts'
import { type Child, type Exit, startChild } from './child-process.ts'
import { watchMemory } from './memory-watch.ts'
import { createSandbox } from './sandbox.ts'

export interface ExtractorOptions {
  /** What one child may really use (default 700 MB). An ordinary PDF takes 200 MB, 50 MB of plain text take all of the default. */
  memoryBytesMax?: number
  /** From the last byte handed over to the last page received. How long the handing over takes is up to the source and the caller's signal. */
  wallClockMs: number
  /** UTF-16 code units over all pages of one document. */
  textCharactersMax: number
  pagesMax: number
  /** Children that wait, imported and idle, about 110 MB each. */
  warm: number
  /** Told once, at the start, what holds less than it should. */
  onNotice?: (notice: string) => void
  /** False leaves memory to the parent's watch even where the kernel could hold it. For tests of that way. */
  systemLimits?: boolean
}

export interface Extractor {
  /**
   * The pages of one document, read from `source` in a process of its own that is gone when this settles. `source` is always destroyed.
   * Throws AppError PDF_ENCRYPTED, DOCUMENT_UNREADABLE, EXTRACTION_LIMIT or EXTRACTOR_CRASHED; the error of `source`; the reason of `signal`.
   * Runs as many at once as are asked for: the caller bounds them.
   */
  extract(source: Readable, mediaType: MediaType, signal: AbortSignal): Promise<Page[]>
  /** Ends every child; documents being read fail with UNAVAILABLE. */
  close(): Promise<void>
}

type Limits = Required<Omit<ExtractorOptions, 'onNotice' | 'systemLimits'>> & { memoryHeld: boolean }

const MEMORY_BYTES_MAX = 700_000_000
const START_ATTEMPTS_MAX = 2
/** Threads of V8 spend processor time beside the wall clock. */
const CPU_PER_WALL_CLOCK = 4
const CPU_SECONDS_START = 10
/** JSON in UTF-8 takes at most three bytes for a code unit of clean text, and this much around a page. */
const BYTES_PER_CHARACTER_MAX = 3
const BYTES_PER_PAGE_MAX = 200
/** V8, and C++ without memory, end the process themselves; the last one is the kernel's for processor time. */
const EXHAUSTION_SIGNALS: readonly (NodeJS.Signals | null)[] = ['SIGABRT', 'SIGTRAP', 'SIGILL', 'SIGXCPU']
const ABORT_EXIT_CODE = 134

export function createExtractor(options: ExtractorOptions): Extractor {
  const { onNotice, systemLimits = true, memoryBytesMax = MEMORY_BYTES_MAX, ...rest } = options
  const cpuSecondsMax = Math.ceil(options.wallClockMs / 1_000) * CPU_PER_WALL_CLOCK + CPU_SECONDS_START
  const sandbox = createSandbox(new URL('./child/entry.ts', import.meta.url), { memoryBytesMax, cpuSecondsMax }, systemLimits)
  const limits: Limits = { ...rest, memoryBytesMax, memoryHeld: sandbox.memoryHeld }
  if (!limits.memoryHeld)
    onNotice?.(
      'no prlimit (util-linux) that works here: the memory of text extraction is watched every 100 ms instead of held by the kernel',
    )

  const waiting: Child[] = []
  const alive = new Set<Child>()
  const closing = new AbortController()
  refill()
  return { extract, close }

  async function extract(source: Readable, mediaType: MediaType, signal: AbortSignal): Promise<Page[]> {
    const over = new AbortController()
    // From the start, because a source may fail while a child is still starting; and for good, because it may fail twice.
    source.on('error', (error) => over.abort(error))
    const forget = [follow(signal, over), follow(closing.signal, over)]
    try {
      const child = await takeReady(over.signal)
      try {
        return await converse(child, source, mediaType, limits, over.signal)
      } finally {
        child.kill()
        await child.exited
      }
    } finally {
      source.destroy()
      for (const stop of forget) stop()
    }
  }

  /** A child that ends before it has seen the document does so for reasons of its own: another one is tried before giving up. */
  async function takeReady(over: AbortSignal): Promise<Child> {
    // All that wait may have been killed: they don't count against those that are started for this document.
    for (let attempt = 1; attempt <= limits.warm + START_ATTEMPTS_MAX; attempt++) {
      over.throwIfAborted()
      const child = waiting.shift() ?? start()
      refill()
      over.addEventListener('abort', child.kill, { once: true })
      const ready = await child.ready
      over.removeEventListener('abort', child.kill)
      if (ready && !over.aborted) return child
      child.kill()
      await child.exited
    }
    over.throwIfAborted()
    throw new AppError('EXTRACTOR_CRASHED', 'the extractor process did not start')
  }

  function refill(): void {
    while (waiting.length < limits.warm && !closing.signal.aborted) waiting.push(start())
  }

  function start(): Child {
    const child = startChild(sandbox)
    alive.add(child)
    child.exited.then(() => {
      alive.delete(child)
      // Not replaced before the next document asks: what cannot start here would be started for ever.
      const index = waiting.indexOf(child)
      if (index !== -1) waiting.splice(index, 1)
    })
    return child
  }

  async function close(): Promise<void> {
    closing.abort(new AppError('UNAVAILABLE', 'the extractor is closing'))
    for (const child of alive) child.kill()
    await Promise.all([...alive].map((child) => child.exited))
  }
}

function follow(signal: AbortSignal, over: AbortController): () => void {
  const abort = () => over.abort(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  return () => signal.removeEventListener('abort', abort)
}

/** Hands the document over and collects its pages. The child is not trusted: what it says is checked and bounded again here. */
function converse(child: Child, source: Readable, mediaType: MediaType, limits: Limits, over: AbortSignal): Promise<Page[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Page[]>()
  const stops: (() => void)[] = []
  const pages: Page[] = []
  let characters = 0

  const abort = () => reject(over.reason)
  over.addEventListener('abort', abort, { once: true })
  stops.push(() => over.removeEventListener('abort', abort))
  child.exited.then((exit) => reject(exitError(exit, limits)))
  if (!limits.memoryHeld) stops.push(watchMemory(child.pid, limits.memoryBytesMax, () => reject(limitError('memory', limits))))

  child.listen(limits.textCharactersMax * BYTES_PER_CHARACTER_MAX + limits.pagesMax * BYTES_PER_PAGE_MAX, (message) => {
    if (message === 'too_much') return reject(limitError('output', limits))
    if (message === 'invalid' || message.kind === 'ready')
      return reject(new AppError('EXTRACTOR_CRASHED', 'the extractor process broke its protocol'))
    if (message.kind === 'failed') return reject(new AppError(message.code))
    if (message.kind === 'page') {
      pages.push(message.page)
      characters += message.page.text.length
      if (characters > limits.textCharactersMax || pages.length > limits.pagesMax) reject(limitError('output', limits))
      return
    }
    const inOrder = pages.every((page, index) => page.number === index + 1)
    if (inOrder && message.pages === pages.length) resolve(pages)
    else reject(new AppError('EXTRACTOR_CRASHED', 'the extractor process lost pages'))
  })

  handOver(child, source, { media_type: mediaType, text_characters_max: limits.textCharactersMax, pages_max: limits.pagesMax }).then(() => {
    const clock = setTimeout(() => reject(limitError('time', limits)), limits.wallClockMs)
    stops.push(() => clearTimeout(clock))
  }, reject)
  return promise.finally(() => {
    for (const stop of stops) stop()
  })
}

async function handOver(child: Child, source: Readable, task: Task): Promise<void> {
  await child.write(Buffer.from(JSON.stringify(task)))
  for await (const chunk of source) await child.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
  child.endDocument()
}

function exitError(exit: Exit, limits: Limits): AppError {
  const exhausted = EXHAUSTION_SIGNALS.includes(exit.signal) || exit.code === ABORT_EXIT_CODE
  if (exhausted && exit.signal !== null) return limitError(exit.signal === 'SIGXCPU' ? 'time' : 'memory', limits)
  if (exhausted) return limitError('memory', limits)
  return new AppError('EXTRACTOR_CRASHED', `the extractor process ended with ${exit.signal ?? `exit code ${exit.code}`}`)
}

function limitError(what: 'memory' | 'time' | 'output', limits: Limits): AppError {
  const bounds = {
    memory: `more than ${limits.memoryBytesMax} bytes of memory`,
    time: `longer than ${limits.wallClockMs} ms`,
    output: `more than ${limits.textCharactersMax} characters or ${limits.pagesMax} pages`,
  }
  return new AppError('EXTRACTION_LIMIT', bounds[what])
}
