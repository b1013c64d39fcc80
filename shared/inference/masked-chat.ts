import { AppError } from '../contracts/errors.ts'
import type { ChatDelta, ChatMessage, ChatRequest, ToolCall } from './chat.ts'
import type { Provider } from './provider.ts'

export interface ChatMask {
  /** One masked text for each, in order; throws where something that was to be masked is still found. */
  maskAll(texts: readonly string[], signal: AbortSignal): Promise<string[]>
  unmask(text: string): string
}

/**
 * A conversation as a masked call may have it. An image shows what no finder reads: POLICY_REFUSED. A stream comes in one piece at its end, because a placeholder
 * may be cut anywhere.
 */
export function maskedChat(provider: Provider, { maskAll, unmask }: ChatMask): Pick<Provider, 'chat' | 'chatStream'> {
  const masked = async (request: ChatRequest, signal: AbortSignal): Promise<ChatRequest> => {
    assertNoImages(request)
    const texts: string[] = []
    for (const message of request.messages) mapMessage(message, (text) => String(texts.push(text)))
    const covered = (await maskAll(texts, signal)).values()
    return { ...request, messages: request.messages.map((message) => mapMessage(message, () => covered.next().value ?? '')) }
  }
  const unmaskCall = (call: ToolCall): ToolCall => mapCall(call, unmask)
  return {
    chat: async (request, signal) => {
      const { value, facts } = await provider.chat(await masked(request, signal), signal)
      return { value: { text: unmask(value.text), toolCalls: value.toolCalls.map(unmaskCall) }, facts }
    },
    chatStream: async function* (request, signal): AsyncGenerator<ChatDelta> {
      let text = ''
      const others: ChatDelta[] = []
      for await (const delta of provider.chatStream(await masked(request, signal), signal)) {
        if (delta.kind === 'text') text += delta.text
        else others.push(delta.kind === 'tool_call' ? { ...delta, call: unmaskCall(delta.call) } : delta)
      }
      if (text !== '') yield { kind: 'text', text: unmask(text) }
      yield* others
    },
  }
}

function assertNoImages({ messages }: ChatRequest): void {
  const hasImage = messages.some(
    (message) => message.role === 'user' && typeof message.content !== 'string' && message.content.some((part) => part.type === 'image'),
  )
  if (hasImage) throw new AppError('POLICY_REFUSED', 'the policy masks what this provider sees, and an image can not be masked')
}

/** Each text of a message once, in a fixed order. */
function mapMessage(message: ChatMessage, map: (text: string) => string): ChatMessage {
  switch (message.role) {
    case 'system':
    case 'tool':
      return { ...message, content: map(message.content) }
    case 'user':
      if (typeof message.content === 'string') return { ...message, content: map(message.content) }
      return { ...message, content: message.content.map((part) => (part.type === 'text' ? { ...part, text: map(part.text) } : part)) }
    case 'assistant': {
      const content = message.content === null ? null : map(message.content)
      return { ...message, content, ...(message.toolCalls && { toolCalls: message.toolCalls.map((call) => mapCall(call, map)) }) }
    }
  }
}

function mapCall(call: ToolCall, map: (text: string) => string): ToolCall {
  return { ...call, arguments: mapRecord(call.arguments, map) }
}

function mapRecord(values: Record<string, unknown>, map: (text: string) => string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, mapValue(value, map)]))
}

function mapValue(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value)
  if (Array.isArray(value)) return value.map((item) => mapValue(item, map))
  return typeof value === 'object' && value !== null ? mapRecord(value as Record<string, unknown>, map) : value
}
