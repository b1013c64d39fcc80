import type { CallFacts, Task } from './provider.ts'

export interface TextPart {
  type: 'text'
  text: string
}

/** For a model that sees. `mediaType` as in `image/png`. */
export interface ImagePart {
  type: 'image'
  bytes: Uint8Array
  mediaType: string
}

/** A function that the model wants to have called. `arguments` is what it wrote, parsed and not checked against the tool's schema. */
export interface ToolCall {
  id: string
  name: string
  arguments: Record<string, unknown>
}

export type ChatMessage =
  | { role: 'system'; content: string }
  | { role: 'user'; content: string | readonly (TextPart | ImagePart)[] }
  | { role: 'assistant'; content: string | null; toolCalls?: readonly ToolCall[] }
  | { role: 'tool'; toolCallId: string; name: string; content: string }

export interface ChatTool {
  name: string
  description: string
  /** JSON Schema of its arguments, without `$schema`. */
  parameters: Record<string, unknown>
}

export type ToolChoice = 'auto' | 'none' | 'required' | { name: string }

/** With `json_object` a message must say JSON: without, a model may write white space for ever. */
export type ResponseFormat = { type: 'json_object' } | { type: 'json_schema'; name: string; schema: Record<string, unknown> }

export interface ChatRequest {
  /** Whose model answers: the record names the model of the task. */
  task: Exclude<Task, 'embed'>
  messages: readonly ChatMessage[]
  maxTokens: number
  /** 0 when left out. */
  temperature?: number
  tools?: readonly ChatTool[]
  toolChoice?: ToolChoice
  responseFormat?: ResponseFormat
  /** Requests that begin alike may share it. It reaches the provider, so it says nothing about anybody; a provider without such a cache is not sent it. */
  cacheKey?: string
}

/** Either may be empty. */
export interface ChatAnswer {
  text: string
  toolCalls: ToolCall[]
}

/** A stream is texts as they come, then whole tool calls, then one `end`; without `end` it was not whole. */
export type ChatDelta = { kind: 'text'; text: string } | { kind: 'tool_call'; call: ToolCall } | { kind: 'end'; facts: CallFacts }
