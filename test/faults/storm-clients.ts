import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { UploadAccepted } from '../../shared/contracts/document.ts'
import type { Answer, SearchHit } from '../../shared/contracts/retrieval.ts'
import { textPdf } from '../fixtures/pdf.ts'
import type { Chance } from '../support/chance.ts'

const REPEAT_MS = 50
const REPEATS_MS_MAX = 300_000
/** Whatever goes down comes back, and nothing may hang: longer than any wait for a connection or a statement. */
const ANSWER_MS_MAX = 45_000
const ASK_EVERY_MS = 40

/** Where a service is at this moment, undefined while it is down. */
export type Door = () => string | undefined

export interface StormDocument {
  fileName: string
  bytes: Buffer
  /** `new`: nothing but its Idempotency-Key makes a repeated upload one document. */
  onDuplicate: 'return' | 'new'
  /** Null: it has no text, and must fail as NO_TEXT. */
  text: string | null
}

/** Clients who believe nothing but an answer. What they were told is what must hold afterwards. */
export interface StormClients {
  /** By its id, each document that was answered with 202. */
  readonly accepted: ReadonlyMap<string, StormDocument>
  /** Those whose erasure was answered with 202. */
  readonly erased: ReadonlySet<string>
  /** Sends it under one Idempotency-Key until it is accepted. The first time it waits for an answer for no longer than `patienceMs`. */
  upload(document: StormDocument, patienceMs: number): Promise<void>
  /** Erases one of those that were accepted, if there is one left, and repeats it until it is accepted. */
  eraseOne(chance: Chance): Promise<void>
  /** Searches and asks without a pause until `over`. Throws when an answer is neither one nor 503, or shows what it must not. Returns how many were answered. */
  ask(chance: Chance, over: AbortSignal): Promise<number>
  /** The original, as it can be read back. */
  content(documentId: string): Promise<Buffer>
}

export function stormClients(doors: { ingest: Door; retrieval: Door; apiKey: () => string }): StormClients {
  const accepted = new Map<string, StormDocument>()
  const erased = new Set<string>()
  const request = (door: Door, path: string, init: RequestInit, patienceMs = ANSWER_MS_MAX) =>
    tryOnce(door, path, init, { apiKey: doors.apiKey(), patienceMs })
  const insist = (path: string, init: RequestInit) => untilAnswered(() => request(doors.ingest, path, init), path)

  const upload = async (document: StormDocument, patienceMs: number) => {
    const { fileName, bytes, onDuplicate } = document
    const path = `/v1/documents?file_name=${fileName}&on_duplicate=${onDuplicate}`
    const init = { method: 'POST', headers: { 'idempotency-key': randomUUID() }, body: new Uint8Array(bytes) }
    const answer = (await request(doors.ingest, path, init, patienceMs)) ?? (await insist(path, init))
    accepted.set(expectStatus(answer, 202).json<UploadAccepted>().document_id, document)
  }
  const eraseOne = async (chance: Chance) => {
    const [first, ...others] = [...accepted.keys()].filter((id) => !erased.has(id))
    if (first === undefined) return
    const id = chance.pick([first, ...others])
    expectStatus(await insist(`/v1/documents/${id}`, { method: 'DELETE' }), 202)
    erased.add(id)
  }
  const post = (path: string, body: unknown) =>
    request(doors.retrieval, path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  /** False when there was no answer. */
  const askOnce = async (chance: Chance, kind: 'search' | 'answer') => {
    const question = `How often is the lantern in corridor ${Math.floor(chance.fraction() * 100)} replaced?`
    const gone = new Set(erased)
    const answer = await (kind === 'search' ? post('/v1/search', { query: question }) : post('/v1/answers', { question }))
    if (answer === undefined) return false
    const { json } = expectStatus(answer, 200)
    const shown =
      kind === 'search'
        ? json<{ hits: SearchHit[] }>().hits.map(({ document_id, text }) => ({ document_id, text }))
        : json<Answer>().citations.map(({ document_id, quote }) => ({ document_id, text: quote }))
    for (const { document_id, text } of shown) {
      if (gone.has(document_id)) throw new Error(`${kind}: shows ${document_id}, whose erasure had been accepted`)
      const source = accepted.get(document_id)
      if (source && !source.text?.includes(text)) throw new Error(`${kind}: shows what does not stand in ${document_id}`)
    }
    return true
  }

  return {
    accepted,
    erased,
    upload,
    eraseOne,
    ask: async (chance, over) => {
      let answers = 0
      while (!over.aborted) {
        if (await askOnce(chance, 'search')) answers++
        if (await askOnce(chance, 'answer')) answers++
        await sleep(ASK_EVERY_MS)
      }
      return answers
    },
    content: async (documentId) => expectStatus(await insist(`/v1/documents/${documentId}/content`, {}), 200).bytes,
  }
}

/** Number `serial` of a storm: mostly a short text, now and then a PDF, one that came before (the same bytes again), or one without text. */
export function drawDocument(random: Chance, serial: number, earlier: readonly StormDocument[]): StormDocument {
  const kind = random.pick(['text', 'text', 'text', 'text', 'text', 'text', 'pdf', 'again', 'again', 'blank'])
  const onDuplicate = random.pick(['return', 'new'] as const)
  const text = `Note ${serial}. The lantern in corridor ${serial} is replaced every ${serial + 2} months.`
  const [first, ...others] = earlier
  if (kind === 'again' && first) return random.pick([first, ...others])
  if (kind === 'blank') return { fileName: `blank-${serial}.txt`, bytes: Buffer.from(' \n'.repeat(serial + 1)), onDuplicate, text: null }
  if (kind === 'pdf') return { fileName: `note-${serial}.pdf`, bytes: textPdf([text]), onDuplicate, text }
  return { fileName: `note-${serial}.txt`, bytes: Buffer.from(text), onDuplicate, text }
}

interface Reply {
  status: number
  bytes: Buffer
  json<Body>(): Body
}

/** Undefined when nothing can be known from it: the service is down, the connection broke, 503, or patience was at an end before it had to be. */
async function tryOnce(
  door: Door,
  path: string,
  init: RequestInit,
  { apiKey, patienceMs }: { apiKey: string; patienceMs: number },
): Promise<Reply | undefined> {
  const url = door()
  if (url === undefined) return undefined
  try {
    const response = await fetch(`${url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${apiKey}`, ...(init.headers as Record<string, string>) },
      signal: AbortSignal.timeout(Math.ceil(patienceMs)),
    })
    const bytes = Buffer.from(await response.arrayBuffer())
    return response.status === 503 ? undefined : { status: response.status, bytes, json: () => JSON.parse(bytes.toString()) }
  } catch (error) {
    // What fetch says of a connection.
    if (error instanceof TypeError) return undefined
    if (error instanceof DOMException && error.name === 'TimeoutError' && patienceMs < ANSWER_MS_MAX) return undefined
    throw error
  }
}

async function untilAnswered(attempt: () => Promise<Reply | undefined>, path: string): Promise<Reply> {
  const deadlineMs = Date.now() + REPEATS_MS_MAX
  while (Date.now() < deadlineMs) {
    const reply = await attempt()
    if (reply) return reply
    await sleep(REPEAT_MS)
  }
  throw new Error(`${path}: no answer in ${REPEATS_MS_MAX / 1_000} s`)
}

function expectStatus(reply: Reply, status: number): Reply {
  if (reply.status !== status) throw new Error(`expected ${status}, got ${reply.status}: ${reply.bytes.toString()}`)
  return reply
}
