import type { IncomingHttpHeaders } from 'node:http'
import type { Behaviour } from './behaviour.ts'
import { createMeter, type Meter } from './meter.ts'
import type { ReadHook } from './ocr.ts'
import { createPromptCache, type PromptCache } from './prompt-cache.ts'
import type { Rules } from './rules.ts'
import { CHAT_PATH, EMBEDDINGS_PATH, OCR_PATH, type PostPath } from './schemas.ts'
import type { AnswerHook } from './usual-answer.ts'

export interface RecordedRequest {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Record<string, unknown>
}

/** A request that Mistral's server would not have taken either. */
export interface RefusedRequest {
  path: string
  status: number
  /** The body of the refusal, which says why. */
  answer: unknown
}

export interface DoubleOptions {
  /** Served beside `DOUBLE_MODELS`, for everything; any other name is an invalid model. */
  models?: readonly string[]
  /** A server that asks for no key, as one's own may; Mistral's does. */
  keyless?: boolean
  /** False for a measurement: `requests` stays empty. */
  keepRequests?: boolean
}

export const RETRY_AFTER_SECONDS = 1

/** What a double knows and was told. */
export interface Scene {
  options: DoubleOptions
  requests: RecordedRequest[]
  refusals: RefusedRequest[]
  /** Errors of the double, or of what a test gave it. */
  mistakes: unknown[]
  queue: Behaviour[]
  queues: Record<PostPath, Behaviour[]>
  rules: Rules
  state: State
  meter: Meter
  cache: PromptCache
}

interface State {
  jsonSchema: boolean
  atOnce: number
  retryAfterSeconds: number
  delayMs: number
  headers: Record<string, string>
  answers: number
  answer?: AnswerHook
  read?: ReadHook
}

export function createScene(options: DoubleOptions): Scene {
  return {
    options,
    requests: [],
    refusals: [],
    mistakes: [],
    queue: [],
    queues: { [CHAT_PATH]: [], [EMBEDDINGS_PATH]: [], [OCR_PATH]: [] },
    rules: { moreModels: options.models ?? [], withoutTheWord: 'refuse' },
    state: {
      jsonSchema: true,
      atOnce: Number.POSITIVE_INFINITY,
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      delayMs: 0,
      headers: {},
      answers: 0,
    },
    meter: createMeter(),
    cache: createPromptCache(),
  }
}
