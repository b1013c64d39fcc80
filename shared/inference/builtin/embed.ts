import { tokenize } from '../../search/tokens.ts'
import { detectLanguage } from './language.ts'
import { fold } from './reading.ts'

/** A name of the vectors: another number is another space, and needs another model name. */
export const EMBEDDING_DIMENSIONS = 512

/** What of a text is embedded; chunks are far shorter. UTF-16 code units. */
const EMBEDDED_LENGTH_MAX = 20_000

/** Against one whole word: trigrams find compounds and inflections that stems do not, and there are several to a word. */
const TRIGRAM_WEIGHT = 0.4

/**
 * A lexical embedding by feature hashing (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009): stems, words and
 * the letter trigrams of words, each with a hashed sign, weighted 1 + ln(count), unit length. It knows spelling and no meaning.
 * A text without words gives one fixed unit vector.
 */
export function embedText(text: string, language: string | null = detectLanguage(text)): Float32Array {
  const embedded = text.slice(0, EMBEDDED_LENGTH_MAX)
  const sums = new Float64Array(EMBEDDING_DIMENSIONS)
  for (const [feature, count] of countFeatures(embedded, language)) {
    const hash = hashOf(feature)
    const weight = (1 + Math.log(count)) * (feature.startsWith(TRIGRAM) ? TRIGRAM_WEIGHT : 1)
    const slot = hash % EMBEDDING_DIMENSIONS
    sums[slot] = (sums[slot] ?? 0) + (hash & SIGN_BIT ? weight : -weight)
  }
  return unit(sums)
}

/** Marks a feature that is a trigram; no token holds it. */
const TRIGRAM = '\u0001'
const SIGN_BIT = 1 << 30

function countFeatures(text: string, language: string | null): Map<string, number> {
  const counts = new Map<string, number>()
  const add = (feature: string) => counts.set(feature, (counts.get(feature) ?? 0) + 1)
  const tokens = tokenize(text, language)
  for (const token of tokens) {
    add(token)
    const marked = `^${fold(token)}$`
    for (let at = 0; at + 3 <= marked.length; at += 1) add(TRIGRAM + marked.slice(at, at + 3))
  }
  return counts
}

/** FNV-1a (draft-eastlake-fnv), then the finalizer of MurmurHash3, so that low bits and the sign bit are independent. */
function hashOf(feature: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < feature.length; at += 1) hash = Math.imul(hash ^ feature.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function unit(sums: Float64Array): Float32Array {
  const length = Math.sqrt(sums.reduce((total, value) => total + value * value, 0))
  if (length > 0) return Float32Array.from(sums, (value) => value / length)
  const fixed = new Float32Array(EMBEDDING_DIMENSIONS)
  fixed[0] = 1
  return fixed
}
