import { z } from 'zod'
import { AppError } from '../contracts/errors.ts'
import type { ChatAnswer, ChatMessage, ChatRequest, ToolCall } from './chat.ts'
import type { ProviderResult } from './provider.ts'
import { invalid } from './wire-error.ts'
import { type AnswerSource, factsOf, Stated, Usage } from './wire-facts.ts'

export interface WireChat extends Omit<ChatRequest, 'task'> {
  model: string
  signal: AbortSignal
}

/** No answer that we ask for calls as many; it keeps a server from filling the memory by their numbers. */
export const TOOL_CALLS_MAX = 128

/** The body of `POST /chat/completions`, as far as all servers understand it alike. */
export function chatBody(request: WireChat, sendsCacheKey: boolean) {
  const { model, messages, temperature = 0, maxTokens, tools, toolChoice, responseFormat, cacheKey } = request
  return {
    model,
    messages: messages.map(messageBody),
    temperature,
    max_tokens: maxTokens,
    ...(tools?.length && {
      tools: tools.map(({ name, description, parameters }) => ({
        type: 'function' as const,
        function: { name, description, parameters },
      })),
    }),
    ...(toolChoice && { tool_choice: toolChoiceBody(toolChoice) }),
    ...(responseFormat && { response_format: formatBody(responseFormat) }),
    ...(sendsCacheKey && cacheKey !== undefined && { prompt_cache_key: cacheKey }),
  }
}

function messageBody(message: ChatMessage) {
  switch (message.role) {
    case 'system':
      return { role: message.role, content: message.content }
    case 'user':
      return { role: message.role, content: typeof message.content === 'string' ? message.content : message.content.map(partBody) }
    case 'assistant':
      return {
        role: message.role,
        content: message.content,
        ...(message.toolCalls?.length && {
          tool_calls: message.toolCalls.map(({ id, name, arguments: given }) => ({
            id,
            type: 'function' as const,
            function: { name, arguments: JSON.stringify(given) },
          })),
        }),
      }
    case 'tool':
      return { role: message.role, tool_call_id: message.toolCallId, name: message.name, content: message.content }
  }
}

type UserPart = Exclude<Extract<ChatMessage, { role: 'user' }>['content'], string>[number]

/** Images go inline: a URL would make the provider fetch it, and Ollama takes none. */
function partBody(part: UserPart) {
  if (part.type === 'text') return { type: 'text' as const, text: part.text }
  return { type: 'image_url' as const, image_url: { url: dataUrl(part) } }
}

export function dataUrl({ bytes, mediaType }: { bytes: Uint8Array; mediaType: string }): string {
  return `data:${mediaType};base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}`
}

function toolChoiceBody(choice: NonNullable<ChatRequest['toolChoice']>) {
  return typeof choice === 'string' ? choice : { type: 'function' as const, function: { name: choice.name } }
}

function formatBody(format: NonNullable<ChatRequest['responseFormat']>) {
  if (format.type === 'json_object') return { type: format.type }
  return { type: format.type, json_schema: { name: format.name, schema: format.schema, strict: true } }
}

/** Text, or pieces of which a reasoning model's thoughts are some: those are no part of the answer. */
export const Content = z
  .union([
    z.string(),
    z
      .array(z.object({ type: z.string().nullish(), text: z.string().nullish() }))
      .transform((pieces) => pieces.map((piece) => piece.text ?? '').join('')),
  ])
  .nullish()

/** OpenAI sends a text, Mistral's schema allows the object itself. */
export const Arguments = z.union([z.string(), z.record(z.string(), z.unknown())])

const ChatResponse = z.object({
  ...Stated,
  choices: z
    .array(
      z.object({
        finish_reason: z.string().nullish(),
        message: z.object({
          content: Content,
          refusal: z.string().nullish(),
          tool_calls: z
            .array(z.object({ id: z.string().nullish(), function: z.object({ name: z.string(), arguments: Arguments }) }))
            .max(TOOL_CALLS_MAX)
            .nullish(),
        }),
      }),
    )
    .min(1),
  usage: Usage,
})

export function readChat(data: unknown, source: AnswerSource): ProviderResult<ChatAnswer> {
  const parsed = ChatResponse.safeParse(data)
  const choice = parsed.data?.choices[0]
  if (!parsed.success || !choice) throw invalid('not a chat completion')
  const facts = factsOf(parsed.data, source)
  const { content, refusal, tool_calls: calls } = choice.message
  assertFinished(choice.finish_reason, refusal)
  const toolCalls = (calls ?? []).map(({ id, function: { name, arguments: given } }, at) => toolCall(id, at, name, given))
  return { value: { text: content ?? '', toolCalls }, facts }
}

/** An answer that was cut by its length is not whole, although it may parse. */
export function assertFinished(reason: string | null | undefined, refusal?: string | null): void {
  if (refusal) throw new AppError('MODEL_REFUSED', 'the model declined')
  if (reason === 'content_filter') throw new AppError('MODEL_REFUSED', 'the provider filtered the answer')
  if (reason !== 'stop' && reason !== 'tool_calls') throw invalid(`finish_reason ${/^[a-z_]{1,32}$/.exec(reason ?? '') ?? 'unknown'}`)
}

/** Mistral writes the id `null` where it has none. */
export function toolCall(id: string | null | undefined, at: number, name: string, given: z.infer<typeof Arguments>): ToolCall {
  const parsed = typeof given === 'string' ? jsonOf(given === '' ? '{}' : given, 'the arguments of a tool call are not JSON') : given
  const checked = z.record(z.string(), z.unknown()).safeParse(parsed)
  if (!checked.success) throw invalid('the arguments of a tool call are no object')
  return { id: id && id !== 'null' ? id : `call${at}`, name, arguments: checked.data }
}

/** Servers that know no response_format wrap their JSON in a Markdown fence. */
export function parseJson(content: string): unknown {
  return jsonOf(content.replace(/^\s*```(?:json)?\s*\n([\s\S]*?)\n\s*```\s*$/, '$1'), 'not JSON')
}

function jsonOf(text: string, otherwise: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's message quotes the content.
    throw invalid(otherwise)
  }
}
