import { type ChatRequest, promptOf, tokensIn } from './chat-request.ts'
import { commonStart } from './prompt-cache.ts'

export interface ToolCall {
  name: string
  /** Sent as JSON text. */
  arguments: unknown
}

/** What the model says. */
export interface Said {
  content: string | null
  finishReason: string
  toolCalls?: readonly ToolCall[]
  /** Where they are not the words of the content. */
  tokens?: number
}

/** An answer of `/v1/chat/completions`; `number` counts the answers of a double. */
export function completion(request: ChatRequest, said: Said, number: number, cachedPrompt = ''): Record<string, unknown> {
  const prompt = promptOf(request)
  const calls = said.toolCalls?.map((call, index) => ({
    id: toolCallId(number, index),
    type: 'function',
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
    index,
  }))
  const promptTokens = tokensIn(prompt)
  const written = said.tokens ?? tokensIn(said.content ?? '') + tokensIn(JSON.stringify(said.toolCalls ?? ''))
  const completionTokens = written * (request.n ?? 1)
  return {
    id: `double-chat-${number}`,
    object: 'chat.completion',
    created: 0,
    model: `${request.model}-0001`,
    choices: Array.from({ length: request.n ?? 1 }, (_, index) => ({
      index,
      message: { role: 'assistant', content: said.content, tool_calls: calls ?? null },
      finish_reason: said.finishReason,
    })),
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
      prompt_tokens_details: { cached_tokens: cachedTokens(prompt, cachedPrompt) },
    },
  }
}

/** The server caches whole blocks of so many tokens. */
const CACHE_BLOCK_TOKENS = 64

function cachedTokens(prompt: string, cachedPrompt: string): number {
  const common = tokensIn(commonStart(prompt, cachedPrompt))
  return common - (common % CACHE_BLOCK_TOKENS)
}

/** Mistral takes back only ids of nine letters and digits. */
export const TOOL_CALL_ID = /^[a-zA-Z0-9]{9}$/

function toolCallId(number: number, index: number): string {
  return `c${number.toString(36).padStart(5, '0').slice(-5)}${index.toString(36).padStart(3, '0').slice(-3)}`
}
