import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Behaviour } from './mistral-double/behaviour.ts'
import type { Load } from './mistral-double/meter.ts'
import type { ReadHook } from './mistral-double/ocr.ts'
import type { Rules } from './mistral-double/rules.ts'
import { createScene, type DoubleOptions, RETRY_AFTER_SECONDS, type RecordedRequest, type RefusedRequest } from './mistral-double/scene.ts'
import type { PostPath } from './mistral-double/schemas.ts'
import { serve } from './mistral-double/serve.ts'
import type { AnswerHook } from './mistral-double/usual-answer.ts'

export type { Behaviour } from './mistral-double/behaviour.ts'
export { DOUBLE_DIMENSIONS } from './mistral-double/embeddings.ts'
export { DOUBLE_MODELS } from './mistral-double/models.ts'

export interface ModelDouble {
  /** With the version path, as providers take it. */
  readonly baseUrl: string
  readonly origin: string
  /** Every request in the order of arrival. */
  readonly requests: readonly RecordedRequest[]
  /** Those of them that did not fit the API; what a test has scripted is not among them. */
  readonly refusals: readonly RefusedRequest[]
  /** Adds to the queue of behaviours; when it is empty, requests get the usual answer. */
  script(...behaviours: Behaviour[]): void
  /** The same for the requests to one path, whose queue comes before the one of all. */
  scriptFor(path: PostPath, ...behaviours: Behaviour[]): void
  /** From now on json_schema is refused, as by an older server. */
  refuseJsonSchema(): void
  /** What json_object without the word JSON in a message meets: a refusal (which is also what it meets unless this is called), or white space. */
  withoutTheWordJson(outcome: Rules['withoutTheWord']): void
  /** Gives the JSON (or words) of usual chat answers. */
  answerWith(hook: AnswerHook): void
  /** Gives the pages of documents. */
  readWith(hook: ReadHook): void
  /** From now on each answer begins so much later. */
  answerAfterMs(delayMs: number): void
  /** From now on a request above so many in flight is answered 429. */
  allowAtOnce(requests: number, retryAfterSeconds?: number): void
  /** From now on each answer has these too, over the double's own. */
  answerHeaders(headers: Readonly<Record<string, string>>): void
  load(): Load
  /** Begins a new measurement; what is in flight stays counted. */
  resetLoad(): void
  /** Rejects when the double could not keep to the API itself, with what was wrong. */
  close(): Promise<void>
}

/**
 * Mistral's API on 127.0.0.1 with a port of its own, deterministic, for a provider to talk to. It reads every request against the schemas of
 * Mistral's document and refuses what does not fit, as that server does; its usual answers fit them too.
 */
export async function startModelDouble(options: DoubleOptions = {}): Promise<ModelDouble> {
  const scene = createScene(options)
  const server = createServer((request, response) => serve(request, response, scene))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { state, meter } = scene
  return {
    baseUrl: `${origin}/v1`,
    origin,
    requests: scene.requests,
    refusals: scene.refusals,
    script: (...behaviours) => void scene.queue.push(...behaviours),
    scriptFor: (path, ...behaviours) => void scene.queues[path].push(...behaviours),
    refuseJsonSchema: () => {
      state.jsonSchema = false
    },
    withoutTheWordJson: (outcome) => {
      scene.rules.withoutTheWord = outcome
    },
    answerWith: (hook) => {
      state.answer = hook
    },
    readWith: (hook) => {
      state.read = hook
    },
    answerAfterMs: (delayMs) => {
      state.delayMs = delayMs
    },
    allowAtOnce: (requests, retryAfterSeconds = RETRY_AFTER_SECONDS) => {
      state.atOnce = requests
      state.retryAfterSeconds = retryAfterSeconds
    },
    answerHeaders: (headers) => {
      state.headers = { ...headers }
    },
    load: meter.load,
    resetLoad: meter.reset,
    close: async () => {
      await close(server)
      if (scene.mistakes.length > 0) throw new AggregateError(scene.mistakes, `the double failed: ${scene.mistakes.map(String).join('; ')}`)
    },
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()))
    server.closeAllConnections()
  })
}
