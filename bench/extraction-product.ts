// The product's extractor in a process of its own, used as its stage uses it: so many documents at once as one worker process starts.
// `load` reads files into memory, `extract` extracts each of them once.
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { createExtractor, EXTRACT_LIMITS } from '../services/workers/extract/extractor.ts'
import { JOBS } from '../shared/contracts/jobs.ts'
import { answerMessages } from './answer.ts'

export type ExtractRequest = { kind: 'load'; files: readonly string[] } | { kind: 'extract' }
export interface Extracted {
  wallMs: number
  documents: number
  pages: number
  characters: number
}

const TENANT = randomUUID()

const extractor = createExtractor(EXTRACT_LIMITS)
process.once('SIGTERM', () => void extractor.close().then(() => process.exit()))
let loaded: Buffer[] = []

answerMessages<ExtractRequest, Extracted>(async (request) => {
  const startedAtMs = performance.now()
  const done: Extracted = { wallMs: 0, documents: 0, pages: 0, characters: 0 }
  if (request.kind === 'load') loaded = await Promise.all(request.files.map((file) => readFile(file)))
  else await extractAll(done)
  done.wallMs = performance.now() - startedAtMs
  return done
})

async function extractAll(done: Extracted): Promise<void> {
  const waiting = [...loaded]
  const extractInTurn = async () => {
    for (let bytes = waiting.shift(); bytes; bytes = waiting.shift()) {
      const open = async () => Readable.from([bytes])
      const document = { tenantId: TENANT, mediaType: 'application/pdf', reopen: open } as const
      const pages = await extractor.extract(await open(), document, new AbortController().signal)
      done.documents++
      done.pages += pages.length
      done.characters += pages.reduce((sum, page) => sum + page.text.length, 0)
    }
  }
  await Promise.all(Array.from({ length: JOBS.extract.concurrency }, extractInTurn))
}
