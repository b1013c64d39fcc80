import type { MediaType } from '../../../../shared/contracts/document.ts'
import type { Page } from '../../../../shared/contracts/extraction.ts'
import type { Message } from '../message.ts'
import { Failure, isExhaustion } from './failure.ts'
import type { Formats } from './formats.ts'
import { createFrameReader } from './frames.ts'
import { sealIntrinsics } from './intrinsics.ts'

export interface Task {
  media_type: MediaType
  text_characters_max: number
  pages_max: number
}

interface Received {
  task: Task
  bytes: Uint8Array
}

const EXIT_PARENT_GONE = 3
const EXIT_POLLUTED = 4
/** Each write wakes the parent, which costs it more than a page does. */
const UNSENT_CHARACTERS_MAX = 65_536

/**
 * Takes documents from standard input (frames.ts), one after another, and answers each with one JSON line per page on standard output (../message.ts),
 * until the parent kills it. When standard input ends, the parent is gone and so is it.
 */
export async function serve(load: () => Promise<Formats>): Promise<never> {
  const receive = receiveDocuments()
  const send = createSender()
  const formats = await load()
  const intrinsicsChanged = sealIntrinsics()
  send({ kind: 'ready' })
  // A function of its own for each: its frame, which holds the document, goes with it.
  for (;;) await serveNext(formats, receive(), intrinsicsChanged, send)
}

async function serveNext(
  formats: Formats,
  received: Promise<Received>,
  intrinsicsChanged: () => boolean,
  send: (message: Message) => void,
): Promise<void> {
  const { task, bytes } = await received
  // What an earlier document has changed must not read this one.
  if (intrinsicsChanged()) process.exit(EXIT_POLLUTED)
  try {
    let count = 0
    for await (const page of readPages(formats, task, bytes)) {
      send({ kind: 'page', page })
      count++
    }
    send({ kind: 'done', pages: count })
  } catch (error) {
    if (error instanceof Failure) send({ kind: 'failed', code: error.code })
    else if (error instanceof Error && isExhaustion(error.message)) send({ kind: 'failed', code: 'EXTRACTION_LIMIT' })
    else throw error
  }
}

async function* readPages(formats: Formats, task: Task, bytes: Uint8Array): AsyncGenerator<Page> {
  let characters = 0
  for await (const page of formats[task.media_type](bytes, task.pages_max)) {
    characters += page.text.length
    if (characters > task.text_characters_max) throw new Failure('EXTRACTION_LIMIT')
    yield page
  }
}

/** Each call gives the next document. The parent sends none before it was told `ready`, or the end of the one before. */
function receiveDocuments(): () => Promise<Received> {
  let next = Promise.withResolvers<Received>()
  let task: Task | undefined
  let parts: Buffer[] = []
  const read = createFrameReader({
    part: (part) => parts.push(part),
    end(frame) {
      if (frame === 'task') {
        task = JSON.parse(Buffer.concat(parts).toString()) as Task
        parts = []
      }
      if (frame === 'document' && task) next.resolve({ task, bytes: concat(parts) })
    },
  })
  process.stdin.on('data', read)
  process.stdin.on('close', () => process.exit(EXIT_PARENT_GONE))
  return () => {
    next = Promise.withResolvers()
    return next.promise
  }
}

/** A plain Uint8Array of its own memory: pdf.js takes its buffer over, and a Buffer may share one. */
function concat(parts: Buffer[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts.splice(0)) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

/** Pages may wait for each other, everything else goes at once. */
function createSender(): (message: Message) => void {
  let unsent = ''
  return (message) => {
    unsent += `${JSON.stringify(message)}\n`
    if (message.kind === 'page' && unsent.length < UNSENT_CHARACTERS_MAX) return
    process.stdout.write(unsent)
    unsent = ''
  }
}
