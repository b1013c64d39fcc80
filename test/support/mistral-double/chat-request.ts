import type { JsonSchema } from './minimal-value.ts'

/** The part of a chat request that the double reads; the schema of the whole has been checked. */
export interface ChatRequest {
  model: string
  messages: readonly Message[]
  max_tokens?: number | null
  n?: number | null
  prompt_cache_key?: string | null
  response_format?: { type?: string; json_schema?: { name: string; schema: JsonSchema } | null }
  tools?: readonly { function: { name: string; parameters: JsonSchema } }[] | null
  tool_choice?: string | { function: { name: string } }
}

interface Message {
  role?: string
  content?: string | readonly { type?: string; text?: string }[] | null
  tool_calls?: readonly { id?: string }[] | null
  tool_call_id?: string | null
  prefix?: boolean
}

export function chatRequest(body: Record<string, unknown>): ChatRequest {
  return body as unknown as ChatRequest
}

/** All that is written in a request; of its images nothing. */
export function promptOf({ messages }: ChatRequest): string {
  return messages.map(textOf).join('\n')
}

export function lastUserText({ messages }: ChatRequest): string {
  const last = messages.findLast(({ role }) => role === 'user')
  return last ? textOf(last) : ''
}

/** `text` where a request asks for nothing else. */
export function formatOf({ response_format }: ChatRequest): string {
  return response_format?.type ?? 'text'
}

/** A server that is asked for JSON without being told so may write white space for ever. */
export function lacksTheWordJson(request: ChatRequest): boolean {
  return formatOf(request) === 'json_object' && !promptOf(request).includes('JSON')
}

/** No tokeniser: a word or a number is a token. */
export function tokensIn(text: string): number {
  return text.match(/[\p{L}\p{N}]+/gu)?.length ?? 0
}

function textOf({ content }: Message): string {
  if (typeof content === 'string') return content
  return (content ?? []).map(({ text }) => text ?? '').join('\n')
}
