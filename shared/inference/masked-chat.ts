import { AppError } from '../contracts/errors.ts'
import type { ChatDelta, ChatMessage, ChatRequest, ChatTool, ToolCall } from './chat.ts'
import type { Provider } from './provider.ts'

export interface ChatMask {
  /** One masked text for each, in order; throws where something that was to be masked is still found. */
  maskAll(texts: readonly string[], signal: AbortSignal): Promise<string[]>
  unmask(text: string): string
}

/** What is shown of a conversation, text by text. */
interface Visitor {
  /** Free text: it may be shown masked. */
  said(text: string): string
  /** Names, keys, ids and schemas: the model has to give them back as they are, so they are shown as they are or not at all. */
  fixed(text: string): void
}

/**
 * A conversation as a masked call may have it. POLICY_REFUSED for what can not be masked: an image, which no finder reads, and a name, key or schema in which
 * something is found. A stream comes in one piece at its end, because a placeholder may be cut anywhere.
 */
export function maskedChat(provider: Provider, { maskAll, unmask }: ChatMask): Pick<Provider, 'chat' | 'chatStream'> {
  const masked = async (request: ChatRequest, signal: AbortSignal): Promise<ChatRequest> => {
    assertNoImages(request)
    const shown: { text: string; isFixed: boolean }[] = []
    mapRequest(request, {
      said: (text) => {
        shown.push({ text, isFixed: false })
        return text
      },
      fixed: (text) => void shown.push({ text, isFixed: true }),
    })
    const texts = shown.map(({ text }) => text)
    const covered = await maskAll(texts, signal)
    if (shown.some(({ text, isFixed }, at) => isFixed && covered[at] !== text))
      throw new AppError(
        'POLICY_REFUSED',
        'the policy masks what this provider sees, and a name, key or schema of a tool can not be masked',
      )
    const said = shown.flatMap(({ isFixed }, at) => (isFixed ? [] : (covered[at] ?? ''))).values()
    return mapRequest(request, { said: () => said.next().value ?? '', fixed: () => undefined })
  }
  const unmaskCall = (call: ToolCall): ToolCall => mapCall(call, { said: unmask, fixed: () => undefined })
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

/** Each text of a request once, in a fixed order. */
function mapRequest(request: ChatRequest, visitor: Visitor): ChatRequest {
  const { messages, tools, toolChoice, responseFormat, cacheKey } = request
  const mapped = {
    ...request,
    messages: messages.map((message) => mapMessage(message, visitor)),
    ...(tools && { tools: tools.map((tool) => mapTool(tool, visitor)) }),
  }
  if (typeof toolChoice === 'object') visitor.fixed(toolChoice.name)
  if (responseFormat?.type === 'json_schema') {
    visitor.fixed(responseFormat.name)
    visitSchema(responseFormat.schema, visitor)
  }
  if (cacheKey !== undefined) visitor.fixed(cacheKey)
  return mapped
}

function mapTool(tool: ChatTool, visitor: Visitor): ChatTool {
  visitor.fixed(tool.name)
  visitSchema(tool.parameters, visitor)
  return { ...tool, description: visitor.said(tool.description) }
}

function mapMessage(message: ChatMessage, visitor: Visitor): ChatMessage {
  switch (message.role) {
    case 'system':
      return { ...message, content: visitor.said(message.content) }
    case 'tool':
      visitor.fixed(message.toolCallId)
      visitor.fixed(message.name)
      return { ...message, content: visitor.said(message.content) }
    case 'user': {
      const { content } = message
      if (typeof content === 'string') return { ...message, content: visitor.said(content) }
      return { ...message, content: content.map((part) => (part.type === 'text' ? { ...part, text: visitor.said(part.text) } : part)) }
    }
    case 'assistant': {
      const content = message.content === null ? null : visitor.said(message.content)
      return { ...message, content, ...(message.toolCalls && { toolCalls: message.toolCalls.map((call) => mapCall(call, visitor)) }) }
    }
  }
}

function mapCall(call: ToolCall, visitor: Visitor): ToolCall {
  visitor.fixed(call.id)
  visitor.fixed(call.name)
  return { ...call, arguments: mapRecord(call.arguments, visitor) }
}

function mapRecord(values: Record<string, unknown>, visitor: Visitor): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => {
      visitor.fixed(key)
      return [key, mapValue(value, visitor)]
    }),
  )
}

/** A number may be somebody's, and no placeholder is one. */
function mapValue(value: unknown, visitor: Visitor): unknown {
  if (typeof value === 'string') return visitor.said(value)
  if (typeof value === 'number') visitor.fixed(String(value))
  if (Array.isArray(value)) return value.map((item) => mapValue(item, visitor))
  return typeof value === 'object' && value !== null ? mapRecord(value as Record<string, unknown>, visitor) : value
}

/** Its numbers are bounds. */
function visitSchema(value: unknown, visitor: Visitor): void {
  if (typeof value === 'string') visitor.fixed(value)
  else if (Array.isArray(value)) for (const item of value) visitSchema(item, visitor)
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      visitor.fixed(key)
      visitSchema(item, visitor)
    }
  }
}
