import { AppError } from '../../contracts/errors.ts'
import { nextTurn } from '../../runtime/turns.ts'
import type { CallFacts, Provider } from '../provider.ts'
import { answerFromPassages } from './answer.ts'
import { claimsFor } from './claims.ts'
import { embedText } from './embed.ts'
import { enrichByRules } from './enrich.ts'
import { detectLanguage } from './language.ts'
import { findSensitive } from './sensitive.ts'

const MODELS = {
  classify: 'greffier-rules-1',
  extract: 'greffier-rules-1',
  answer: 'greffier-rules-1',
  embed: 'greffier-hash-512-1',
  ocr: null,
} as const

/** Texts embedded before the event loop gets its turn: a worker must renew its locks meanwhile. About 3 ms each; to tell a text’s language takes 10 ms more. */
const TEXTS_PER_TURN = 8

/** As much as any rule reads. UTF-16 code units. */
const COUNTED_LENGTH_MAX = 300_000

/**
 * Rules, checksums and hashing in this process: deterministic, offline, no language model, and it says so. What it reads is bounded, so one call
 * holds the event loop for well under a second whatever it is given.
 * `tokensIn` and `tokensOut` count words parted by white space: those of the first COUNTED_LENGTH_MAX that came in, and those of the
 * answer.
 * A conversation needs a language model: MODEL_REFUSED. Throws nothing else of its own; a `signal` that has aborted rejects with its reason.
 */
export function createBuiltinProvider(): Provider {
  return {
    processor: 'builtin',
    languageModel: false,
    endpoints: ['in-process'],
    region: 'local',
    models: MODELS,
    classify: async (pages, signal) => {
      signal.throwIfAborted()
      const { type, language } = enrichByRules(pages)
      const value = { type, language, ...findSensitive(pages), subject_categories: [] }
      return { value, facts: facts(MODELS.classify, words(pages.map((page) => page.text)), 0) }
    },
    extract: async (pages, { schema }, signal) => {
      signal.throwIfAborted()
      const { fields } = enrichByRules(pages)
      const claims = claimsFor(schema, fields)
      const pagesRead = pages.filter((page) => page.text !== '').length
      return { value: { claims, pagesRead }, facts: facts(MODELS.extract, words(pages.map((page) => page.text)), 0) }
    },
    // Texts of one call are pieces of one document: to tell its language once costs a fraction of telling it for each piece.
    embed: async (texts, signal) => {
      const vectors: Float32Array[] = []
      const shared = texts.length > 1 ? detectLanguage(texts.join('\n')) : null
      const perTurn = shared === null ? 1 : TEXTS_PER_TURN
      for (const [index, text] of texts.entries()) {
        if (index % perTurn === 0) await nextTurn()
        signal.throwIfAborted()
        vectors.push(embedText(text, shared ?? detectLanguage(text)))
      }
      return { value: vectors, facts: facts(MODELS.embed, words(texts), 0) }
    },
    answer: async (question, passages, signal) => {
      signal.throwIfAborted()
      const value = answerFromPassages(question, passages)
      const read = words([question, ...passages.map((passage) => passage.text)])
      return { value, facts: facts(MODELS.answer, read, words([value.answer ?? ''])) }
    },
    chat: async () => {
      throw noLanguageModel()
    },
    chatStream: () => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          throw noLanguageModel()
        },
      }),
    }),
    missing: async () => [],
  }
}

function noLanguageModel(): AppError {
  return new AppError('MODEL_REFUSED', 'builtin has no language model to talk to')
}

function facts(modelReturned: string, tokensIn: number, tokensOut: number): CallFacts {
  return { endpoint: 'in-process', modelReturned, tokensIn, tokensCached: 0, tokensOut, requestId: null }
}

function words(texts: readonly string[]): number {
  let left = COUNTED_LENGTH_MAX
  let total = 0
  for (const text of texts) {
    total += text.slice(0, left).match(/\S+/g)?.length ?? 0
    left = Math.max(0, left - text.length)
  }
  return total
}
