/** The part of a completion that a stream is made of. */
interface Completion {
  id: string
  model: string
  usage: unknown
  choices: { index: number; message: { content: string | null; tool_calls: unknown[] | null; refusal?: string }; finish_reason: string }[]
}

export type StreamChunk = Record<string, unknown>

/** Code points of one delta. */
const DELTA = /[\s\S]{1,24}/gu

export const STREAM_END = 'data: [DONE]\n\n'

/** The chunks of a completion, as `stream: true` gets them: the role, the content in pieces, tool calls whole, and with the last one the usage. */
export function chunksOf(answer: Record<string, unknown>): StreamChunk[] {
  const completion = answer as unknown as Completion
  return completion.choices.flatMap(({ index, message, finish_reason }, at) => {
    const deltas: Record<string, unknown>[] = [{ role: 'assistant', content: '' }]
    for (const content of message.content?.match(DELTA) ?? []) deltas.push({ content })
    if (message.refusal) deltas.push({ refusal: message.refusal })
    const last = message.tool_calls ? { tool_calls: message.tool_calls } : { content: '' }
    const chunks = deltas.map((delta) => chunk(completion, index, delta, null))
    const usage = at === completion.choices.length - 1 ? { usage: completion.usage } : {}
    return [...chunks, { ...chunk(completion, index, last, finish_reason), ...usage }]
  })
}

export function deltaChunk(answer: Record<string, unknown>, content: string): StreamChunk {
  return chunk(answer as unknown as Completion, 0, { content }, null)
}

export function eventText(chunk: unknown): string {
  return `data: ${JSON.stringify(chunk)}\n\n`
}

function chunk({ id, model }: Completion, index: number, delta: Record<string, unknown>, finishReason: string | null): StreamChunk {
  return { id, object: 'chat.completion.chunk', created: 0, model, choices: [{ index, delta, finish_reason: finishReason }] }
}
