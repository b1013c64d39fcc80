// The process that reads one document: it runs sandboxed (../sandbox.ts), takes the document from standard input (frames.ts), answers with one
// JSON line per page on standard output (../message.ts) and is killed by its parent. When standard input ends, the parent is gone and so is it.
import type { MediaType } from '../../../../shared/contracts/document.ts'
import type { Page } from '../../../../shared/contracts/extraction.ts'
import type { Message } from '../message.ts'
import { Failure, isExhaustion } from './failure.ts'
import { createFrameReader } from './frames.ts'

export interface Task {
  media_type: MediaType
  text_characters_max: number
  pages_max: number
}

const EXIT_PARENT_GONE = 3

const input = readInput()
const formats = await loadFormats()
send({ kind: 'ready' })
const { task, bytes } = await input
try {
  let count = 0
  for await (const page of readPages(task, bytes)) {
    send({ kind: 'page', page })
    count++
  }
  send({ kind: 'done', pages: count })
} catch (error) {
  if (error instanceof Failure) send({ kind: 'failed', code: error.code })
  else if (error instanceof Error && isExhaustion(error.message)) send({ kind: 'failed', code: 'EXTRACTION_LIMIT' })
  else throw error
}

async function* readPages(task: Task, bytes: Uint8Array): AsyncGenerator<Page> {
  let characters = 0
  for await (const page of pagesOf(task, bytes)) {
    characters += page.text.length
    if (characters > task.text_characters_max) throw new Failure('EXTRACTION_LIMIT')
    yield page
  }
}

async function* pagesOf(task: Task, bytes: Uint8Array): AsyncGenerator<Page> {
  switch (task.media_type) {
    case 'application/pdf':
      yield* formats.readPdf(bytes, task.pages_max)
      return
    case 'text/markdown':
      yield onePage('markdown', formats.readMarkdown(bytes))
      return
    case 'text/html':
      yield onePage('html', formats.readHtml(bytes))
      return
    case 'text/plain':
      yield onePage('plain', formats.readPlain(bytes))
      return
  }
}

function onePage(method: 'markdown' | 'html' | 'plain', text: string): Page {
  return /\S/.test(text) ? { number: 1, method, text, reason: null } : { number: 1, method: 'no_text', text: '', reason: 'empty' }
}

/** Imports every reader, and reads a tiny PDF: pdf.js loads its larger half at the first document only. */
async function loadFormats() {
  const [pdf, html, markdown, plain] = await Promise.all([
    import('./pdf.ts'),
    import('./html.ts'),
    import('./markdown.ts'),
    import('./plain.ts'),
  ])
  await pdf.warmUp()
  return { readPdf: pdf.readPdf, readHtml: html.readHtml, readMarkdown: markdown.readMarkdown, readPlain: plain.readPlain }
}

function readInput(): Promise<{ task: Task; bytes: Uint8Array }> {
  const { promise, resolve } = Promise.withResolvers<{ task: Task; bytes: Uint8Array }>()
  let task: Task | undefined
  let parts: Buffer[] = []
  const read = createFrameReader({
    part: (part) => parts.push(part),
    end(frame) {
      if (frame === 'task') {
        task = JSON.parse(Buffer.concat(parts).toString()) as Task
        parts = []
      }
      if (frame === 'document' && task) resolve({ task, bytes: concat(parts) })
    },
  })
  process.stdin.on('data', read)
  process.stdin.on('close', () => process.exit(EXIT_PARENT_GONE))
  return promise
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

function send(message: Message): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
