import { AppError } from '../contracts/errors.ts'
import type { Enrichment, Page } from '../contracts/extraction.ts'
import { mergeEnrichments, readAnswer, readEnrichment } from './model-output.ts'
import type { Wire } from './openai-wire.ts'
import { ANSWER_SCHEMA, ANSWER_SYSTEM, answerPrompt, ENRICH_SCHEMA, ENRICH_SYSTEM, enrichPrompt, type PagePiece } from './prompts.ts'
import type { CallFacts, Passage, Provider } from './provider.ts'

/** About ten thousand tokens of Latin script: small models attend badly to more. UTF-16 code units. */
const WINDOW_LENGTH_MAX = 40_000

/** What follows in a longer document is not read by the model: it bounds cost and time, and names, dates and totals rarely stand that deep. */
const WINDOWS_MAX = 8

/** Of all passages together, UTF-16 code units: the best ones come first. */
const PASSAGES_LENGTH_MAX = 40_000

const ENRICH_TOKENS_MAX = 4_096
const ANSWER_TOKENS_MAX = 1_024

/** What is the same for every language model behind the OpenAI wire format; a provider's own file holds what differs. */
export function createModelProvider(identity: Pick<Provider, 'processor' | 'region' | 'models'>, wire: Wire): Provider {
  const { models } = identity
  return {
    ...identity,
    languageModel: true,
    endpoint: wire.endpoint,

    async enrich(pages, signal) {
      const parts: Enrichment[] = []
      let facts: CallFacts = { modelReturned: models.chat, tokensIn: 0, tokensOut: 0, requestId: null }
      for (const window of windowsOf(pages)) {
        const output = await wire.chatJson({
          model: models.chat,
          system: ENRICH_SYSTEM,
          user: enrichPrompt(window),
          schema: ENRICH_SCHEMA,
          schemaName: 'enrichment',
          maxTokens: ENRICH_TOKENS_MAX,
          signal,
        })
        parts.push(readEnrichment(output.value, pages))
        facts = sum(facts, output.facts)
      }
      const [first, ...rest] = parts
      if (!first) throw new AppError('NO_TEXT', 'no page has text for the model to read')
      return { value: mergeEnrichments([first, ...rest]), facts }
    },

    embed: (texts, signal) => wire.embeddings({ model: models.embed, inputs: texts, signal }),

    async answer(question, passages, signal) {
      const output = await wire.chatJson({
        model: models.chat,
        system: ANSWER_SYSTEM,
        user: answerPrompt(question, fitting(passages)),
        schema: ANSWER_SCHEMA,
        schemaName: 'answer',
        maxTokens: ANSWER_TOKENS_MAX,
        signal,
      })
      return { value: readAnswer(output.value), facts: output.facts }
    },
  }
}

/** Pages in order, as many as fit together; a page that is larger than a window is cut. */
function windowsOf(pages: readonly Page[]): PagePiece[][] {
  const windows: PagePiece[][] = []
  let window: PagePiece[] = []
  let free = 0
  for (const page of pages) {
    for (let start = 0; start < page.text.length; start += WINDOW_LENGTH_MAX) {
      const text = page.text.slice(start, start + WINDOW_LENGTH_MAX)
      if (text.length > free) {
        if (windows.length === WINDOWS_MAX) return windows
        window = []
        windows.push(window)
        free = WINDOW_LENGTH_MAX
      }
      window.push({ number: page.number, text })
      free -= text.length
    }
  }
  return windows
}

function fitting(passages: readonly Passage[]): Passage[] {
  let length = 0
  return passages.filter((passage) => {
    length += passage.text.length
    return length <= PASSAGES_LENGTH_MAX
  })
}

/** A call of several requests reports the last one's model and id. */
function sum(before: CallFacts, last: CallFacts): CallFacts {
  return { ...last, tokensIn: before.tokensIn + last.tokensIn, tokensOut: before.tokensOut + last.tokensOut }
}
