import type { Readable } from 'node:stream'
import type { MediaType } from '../../../shared/contracts/document.ts'
import { AppError } from '../../../shared/contracts/errors.ts'
import type { Page } from '../../../shared/contracts/extraction.ts'
import type { Task } from './child/serve.ts'
import type { Child, Exit } from './child-process.ts'
import { watchMemory } from './memory-watch.ts'

export interface Limits {
  memoryBytesMax: number
  /** False where the parent has to watch the memory. */
  memoryHeld: boolean
  wallClockMs: number
  textCharactersMax: number
  pagesMax: number
}

/** What one child made of one document. After `failed` it is not to be trusted with another one. */
export type Outcome = { kind: 'read'; pages: Page[] } | { kind: 'failed'; error: AppError }

/** JSON in UTF-8 takes at most three bytes for a code unit of clean text, and this much around a page. */
const BYTES_PER_CHARACTER_MAX = 3
const BYTES_PER_PAGE_MAX = 200
/** V8, and C++ without memory, end the process themselves; the last one is the kernel's for processor time. */
const EXHAUSTION_SIGNALS: readonly (NodeJS.Signals | null)[] = ['SIGABRT', 'SIGTRAP', 'SIGILL', 'SIGXCPU']
const ABORT_EXIT_CODE = 134

/**
 * Hands a document over and collects its pages. The child is not trusted: what it says is checked and bounded again here.
 * Throws the error of `source` and the reason of `over`: those are not the child's.
 */
export function converse(child: Child, source: Readable, mediaType: MediaType, limits: Limits, over: AbortSignal): Promise<Outcome> {
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
  const fail = (error: AppError) => resolve({ kind: 'failed', error })
  const stops: (() => void)[] = []
  const pages: Page[] = []
  let characters = 0
  let handedOver = false
  let settled = false

  const abort = () => reject(over.reason)
  over.addEventListener('abort', abort, { once: true })
  stops.push(() => over.removeEventListener('abort', abort))
  if (!limits.memoryHeld) stops.push(watchMemory(child.pid, limits.memoryBytesMax, () => fail(limitError('memory', limits))))

  child.listen(limits.textCharactersMax * BYTES_PER_CHARACTER_MAX + limits.pagesMax * BYTES_PER_PAGE_MAX, (event) => {
    switch (event.kind) {
      case 'page':
        pages.push(event.page)
        characters += event.page.text.length
        if (characters > limits.textCharactersMax || pages.length > limits.pagesMax) fail(limitError('output', limits))
        return
      case 'done':
        // Before the next line is looked at.
        child.expectSilence()
        if (handedOver && event.pages === pages.length && pages.every((page, index) => page.number === index + 1))
          return resolve({ kind: 'read', pages })
        return fail(new AppError('EXTRACTOR_CRASHED', 'the extractor process lost pages'))
      case 'failed':
        return fail(new AppError(event.code))
      case 'exited':
        return fail(exitError(event.exit, limits))
      case 'too_much':
        return fail(limitError('output', limits))
      case 'invalid':
      case 'ready':
        return fail(new AppError('EXTRACTOR_CRASHED', 'the extractor process broke its protocol'))
    }
  })

  handOver(child, source, { media_type: mediaType, text_characters_max: limits.textCharactersMax, pages_max: limits.pagesMax }).then(() => {
    handedOver = true
    if (settled) return
    const clock = setTimeout(() => fail(limitError('time', limits)), limits.wallClockMs)
    stops.push(() => clearTimeout(clock))
  }, reject)
  return promise.finally(() => {
    settled = true
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
