import { z } from 'zod'
import { AppError } from '../contracts/errors.ts'
import { createOffsets } from './code-points.ts'
import type { NameRecogniser, Recognised } from './recogniser.ts'

export interface PresidioOptions {
  /** Of a Presidio analyzer, or a server of its shape: `POST {baseUrl}/analyze`. */
  baseUrl: string
  /** Every outbound request passes the caller's dispatcher. */
  fetch: typeof fetch
  /** Those that the server's models know (ISO 639-1), at least one. Text in another language is read as the first. */
  languages: readonly [string, ...string[]]
  /** Of each request, its whole answer included. */
  timeoutMs: number
  /** From 0 to 1; below it a finding does not count. */
  scoreMin?: number
  /** Places are asked for too, and count as addresses. */
  places?: boolean
  headers?: Readonly<Record<string, string>>
}

/** spaCy refuses texts of more than 1,000,000 characters, and a model's time for one request grows with it. UTF-16 code units. */
const PIECE_LENGTH_MAX = 50_000
const PIECES_MAX = 200
const RESPONSE_BYTES_MAX = 8 * 1024 * 1024
const FINDINGS_MAX = 50_000
/** Presidio gives names that its language model found 0.85. */
const SCORE_MIN = 0.4

const KINDS: Readonly<Record<string, Recognised['kind']>> = { PERSON: 'name', LOCATION: 'address' }

/** `RecognizerResult` of Presidio; keys beside these (`analysis_explanation`, `recognition_metadata`) are left out. */
const Answer = z
  .array(
    z.object({ entity_type: z.string().max(100), start: z.int().nonnegative(), end: z.int().positive(), score: z.number().min(0).max(1) }),
  )
  .max(FINDINGS_MAX)

/** The adapter for the HTTP API of Presidio's analyzer (https://microsoft.github.io/presidio/api-docs/api-docs.html, `/analyze`). */
export function createPresidioRecogniser(options: PresidioOptions): NameRecogniser {
  const [fallback] = options.languages
  return {
    kinds: options.places ? ['name', 'address'] : ['name'],
    async recognise(text, language, signal) {
      const pieces = cut(text)
      if (pieces.length > PIECES_MAX)
        throw new AppError('MASKING_UNAVAILABLE', `the text is longer than ${PIECES_MAX * PIECE_LENGTH_MAX} characters`)
      const found: Recognised[] = []
      for (const { offset, piece } of pieces) {
        const answer = await ask(options, piece, language !== null && options.languages.includes(language) ? language : fallback, signal)
        for (const { kind, start, end } of read(answer, piece)) found.push({ kind, start: offset + start, end: offset + end })
      }
      return found
    },
  }
}

/** At line ends, else at spaces, so that no name is cut; pieces without a letter are not sent. */
function cut(text: string): { offset: number; piece: string }[] {
  const pieces: { offset: number; piece: string }[] = []
  for (let offset = 0; offset < text.length; ) {
    const end = Math.min(offset + PIECE_LENGTH_MAX, text.length)
    const breaks = end === text.length ? [] : [text.lastIndexOf('\n', end - 1), text.lastIndexOf(' ', end - 1)]
    const at = breaks.find((position) => position > offset + PIECE_LENGTH_MAX / 2)
    const stop = at === undefined ? wholeCharacter(text, end) : at + 1
    const piece = text.slice(offset, stop)
    if (/\p{L}/u.test(piece)) pieces.push({ offset, piece })
    offset = stop
  }
  return pieces
}

function wholeCharacter(text: string, end: number): number {
  return end < text.length && (text.codePointAt(end - 1) ?? 0) > 0xffff ? end - 1 : end
}

async function ask(options: PresidioOptions, text: string, language: string, signal: AbortSignal): Promise<z.infer<typeof Answer>> {
  const body = {
    text,
    language,
    entities: options.places ? ['PERSON', 'LOCATION'] : ['PERSON'],
    score_threshold: options.scoreMin ?? SCORE_MIN,
  }
  const deadline = AbortSignal.timeout(options.timeoutMs)
  try {
    const response = await options.fetch(`${options.baseUrl.replace(/\/+$/, '')}/analyze`, {
      method: 'POST',
      headers: { ...options.headers, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.any([signal, deadline]),
    })
    if (response.status !== 200) {
      await response.body?.cancel()
      throw new AppError('MASKING_UNAVAILABLE', `the recogniser answered HTTP ${response.status}`)
    }
    return Answer.parse(JSON.parse(await readBody(response)))
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof AppError) throw error
    // Neither message nor cause: either may quote the text.
    throw new AppError('MASKING_UNAVAILABLE', deadline.aborted ? `no answer within ${options.timeoutMs} ms` : describe(error))
  }
}

function describe(error: unknown): string {
  if (error instanceof z.ZodError || error instanceof SyntaxError) return 'the recogniser answered in another form than that of Presidio'
  return 'the recogniser cannot be reached'
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > RESPONSE_BYTES_MAX) throw new AppError('MASKING_UNAVAILABLE', `the answer is larger than ${RESPONSE_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, bytes).toString('utf8')
}

/** Throws when a span does not fit the text: an answer to another text must not pass for one that found nothing here. */
function read(answer: z.infer<typeof Answer>, text: string): Recognised[] {
  const offsets = createOffsets(
    text,
    answer.flatMap(({ start, end }) => [start, end]),
  )
  return answer.flatMap(({ entity_type, start, end }) => {
    const kind = KINDS[entity_type]
    const [from, to] = [offsets.get(start), offsets.get(end)]
    if (from === undefined || to === undefined || from >= to)
      throw new AppError('MASKING_UNAVAILABLE', 'the recogniser answered with offsets outside the text')
    if (!kind) return []
    const printed = text.slice(from, to)
    const first = from + printed.length - printed.trimStart().length
    return printed.trim() === '' ? [] : [{ kind, start: first, end: first + printed.trim().length }]
  })
}
