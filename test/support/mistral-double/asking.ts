import { DOUBLE_MODELS, type ModelDouble } from '../model-double.ts'
import { DOUBLE_OCR_MODEL } from './models.ts'
import { CHAT_PATH } from './schemas.ts'

// What tests of the double itself ask it, without any client between.

export type Body = Record<string, unknown>

export const hello = { model: DOUBLE_MODELS.chat, messages: [{ role: 'user', content: 'Hello' }] }
export const two = { model: DOUBLE_MODELS.embed, input: ['one', 'two two'] }
export const scan = {
  model: DOUBLE_OCR_MODEL,
  document: { type: 'document_url', document_url: `data:text/plain;base64,${btoa('First\fSecond')}` },
}

export const LETTER = {
  type: 'object',
  properties: {
    type: { enum: ['invoice', 'letter'] },
    language: { type: ['string', 'null'] },
    tags: { type: 'array', items: { type: 'string' } },
  },
  required: ['type', 'language', 'tags'],
  additionalProperties: false,
}

export function inSchema(name: string, schema: Body = LETTER): Body {
  return { ...hello, response_format: { type: 'json_schema', json_schema: { name, schema, strict: true } } }
}

/** A string is sent as it is. */
export function post(double: ModelDouble, path: string, body: unknown, signal: AbortSignal | null = null): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return fetch(`${double.origin}${path}`, { method: 'POST', body: text, headers: { authorization: 'Bearer a-key' }, signal })
}

/** Throws when the answer is no success. */
export async function answerTo(double: ModelDouble, path: string, body: unknown): Promise<Body> {
  const response = await post(double, path, body)
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
  return (await response.json()) as Body
}

interface Chat {
  choices: { message: { content: string; refusal?: string; tool_calls: unknown }; finish_reason: string }[]
  usage: { prompt_tokens: number; completion_tokens: number; prompt_tokens_details: { cached_tokens: number } }
}

export async function chat(double: ModelDouble, body: Body = hello): Promise<Chat> {
  return (await answerTo(double, CHAT_PATH, body)) as unknown as Chat
}

/** The JSON of the answer. */
export async function said(double: ModelDouble, body: Body): Promise<unknown> {
  return JSON.parse((await chat(double, body)).choices[0]?.message.content ?? '')
}

/** The data of each event, and 'DONE'. */
export function eventsIn(text: string): unknown[] {
  const events = text.split('\n\n').filter((event) => event.startsWith('data: '))
  return events.map((event) => (event === 'data: [DONE]' ? 'DONE' : JSON.parse(event.slice(6))))
}
