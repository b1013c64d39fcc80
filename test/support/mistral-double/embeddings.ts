import { tokensIn } from './chat-request.ts'

export const DOUBLE_DIMENSIONS = 64

/** An answer of `/v1/embeddings`; equal texts get equal vectors. */
export function embeddings(body: Record<string, unknown>, number: number): Record<string, unknown> {
  const texts = inputsOf(body)
  const dimensions = typeof body.output_dimension === 'number' ? body.output_dimension : DOUBLE_DIMENSIONS
  const tokens = texts.reduce((total, text) => total + tokensIn(text), 0)
  return {
    id: `double-embed-${number}`,
    object: 'list',
    model: `${body.model}-0001`,
    data: texts.map((text, index) => ({ object: 'embedding', index, embedding: hashed(text, dimensions) })),
    usage: { prompt_tokens: tokens, completion_tokens: 0, total_tokens: tokens, prompt_tokens_details: { cached_tokens: 0 } },
  }
}

export function inputsOf({ input }: Record<string, unknown>): string[] {
  return [input].flat() as string[]
}

/** Counts of hashed words (FNV-1a), not of unit length: that is the client's to do. */
function hashed(text: string, dimensions: number): number[] {
  const vector = Array<number>(dimensions).fill(0)
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ['']) {
    let hash = 0x811c9dc5
    for (const byte of Buffer.from(word)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
    const at = hash % dimensions
    vector[at] = (vector[at] ?? 0) + 1
  }
  return vector
}
