import { z } from 'zod'
import type { ProviderResult } from './provider.ts'
import { invalid } from './wire-error.ts'
import { type AnswerSource, factsOf, Stated, Usage } from './wire-facts.ts'

/** Mistral refuses 257 inputs, and about 16,000 tokens in one request; other servers take at least as many. */
const BATCH_INPUTS_MAX = 256
const BATCH_TOKENS_MAX = 12_000

/** No tokeniser here: three bytes of UTF-8 a token overcounts Latin scripts by a third and fits the others. */
const BYTES_PER_TOKEN = 3

/** An input larger than the bound goes alone: the server says whether it takes it. */
export function batchesOf(inputs: readonly string[]): string[][] {
  const batches: string[][] = []
  let tokens = 0
  for (const input of inputs) {
    const needed = Math.ceil(Buffer.byteLength(input) / BYTES_PER_TOKEN)
    const last = batches.at(-1)
    if (last && last.length < BATCH_INPUTS_MAX && tokens + needed <= BATCH_TOKENS_MAX) {
      last.push(input)
      tokens += needed
    } else {
      batches.push([input])
      tokens = needed
    }
  }
  return batches
}

const EmbeddingsResponse = z.object({
  ...Stated,
  data: z.array(z.object({ index: z.int().min(0), embedding: z.array(z.number()).min(1) })),
  usage: Usage,
})

export function readEmbeddings(data: unknown, count: number, source: AnswerSource): ProviderResult<Float32Array[]> {
  const parsed = EmbeddingsResponse.safeParse(data)
  if (!parsed.success) throw invalid('not an embeddings response')
  // What a server counts as the completion of a vector is nobody's output.
  const { usage, ...stated } = parsed.data
  const facts = factsOf({ ...stated, usage: usage && { ...usage, completion_tokens: 0 } }, source)
  const byIndex = new Map(parsed.data.data.map((item) => [item.index, item.embedding]))
  if (parsed.data.data.length !== count || byIndex.size !== count) throw invalid('another number of vectors than inputs')
  const value = Array.from({ length: count }, (_, index) => unitVector(byIndex.get(index)))
  return { value, facts }
}

/** Of several batches: counts together, names of the last. */
export function joinEmbeddings(batches: readonly ProviderResult<Float32Array[]>[]): ProviderResult<Float32Array[]> | null {
  const last = batches.at(-1)
  if (!last) return null
  const value = batches.flatMap((batch) => batch.value)
  if (new Set(value.map((vector) => vector.length)).size > 1) throw invalid('vectors of different dimensions')
  const total = (count: 'tokensIn' | 'tokensCached') => batches.reduce((sum, { facts }) => sum + facts[count], 0)
  return { value, facts: { ...last.facts, tokensIn: total('tokensIn'), tokensCached: total('tokensCached') } }
}

function unitVector(numbers: readonly number[] | undefined): Float32Array {
  if (!numbers) throw invalid('an index that no input has')
  const length = Math.hypot(...numbers)
  if (!Number.isFinite(length) || length === 0) throw invalid('a vector without a direction')
  return Float32Array.from(numbers, (number) => number / length)
}
