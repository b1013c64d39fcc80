/** No tokeniser here: three bytes of UTF-8 a token overcounts Latin scripts by a third and fits the others. */
const BYTES_PER_TOKEN = 3

/** At least as many tokens as these texts have, in any model that we call. */
export function estimateTokens(texts: readonly string[]): number {
  return texts.reduce((tokens, text) => tokens + Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN), 0)
}
