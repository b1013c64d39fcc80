import { AppError } from '../contracts/errors.ts'
import { readClaims } from './extraction/claims.ts'
import { evidenceSchema } from './extraction/evidence-schema.ts'
import { WINDOW_ORDINALS } from './extraction/lists.ts'
import type { ExtractionSchema } from './extraction/schema.ts'
import { chatMethods } from './model-chat.ts'
import { readAnswer, readClassification } from './model-output.ts'
import { ANSWER_SCHEMA, ANSWER_SYSTEM, answerPrompt, CLASSIFY_SCHEMA, CLASSIFY_SYSTEM, EXTRACT_SYSTEM, pagesPrompt } from './prompts.ts'
import type { CallFacts, ClaimedField, Passage, Provider, ProviderResult, Task } from './provider.ts'
import { askTwice, sumFacts } from './repair.ts'
import { type PagePiece, windowsOf } from './windows.ts'
import type { Wire } from './wire.ts'

/** Windows of one document that are asked about at once. */
const WINDOWS_AT_ONCE = 4

/** Of all passages together, UTF-16 code units: the best ones come first. */
const PASSAGES_LENGTH_MAX = 40_000

const CLASSIFY_TOKENS_MAX = 512
/** A window of a bank statement holds some hundred bookings, each with its quotes. */
const EXTRACT_TOKENS_MAX = 16_384
const ANSWER_TOKENS_MAX = 1_024

/** What is the same for every language model behind the OpenAI wire format; a provider's own file holds what differs. */
export function createModelProvider(identity: Pick<Provider, 'processor' | 'region' | 'models'>, wire: Wire): Provider {
  const modelOf = (task: Task): string => {
    const model = identity.models[task]
    if (model === null) throw new AppError('MODEL_REFUSED', `${identity.processor} has no model to ${task}`)
    return model
  }

  const extractWindow = (window: readonly PagePiece[], ordinal: number, schema: ExtractionSchema, signal: AbortSignal) =>
    askTwice(
      (complaint) =>
        wire.chatJson({
          model: modelOf('extract'),
          system: EXTRACT_SYSTEM,
          user: pagesPrompt(window, complaint),
          schema: evidenceSchema(schema),
          schemaName: 'extraction',
          maxTokens: EXTRACT_TOKENS_MAX,
          cacheKey: `greffier-extract-${schema.hash.slice(0, 16)}`,
          signal,
        }),
      (output) => readClaims(output, schema).map((claim) => inWindow(claim, ordinal)),
    )

  return {
    ...identity,
    languageModel: true,
    endpoints: wire.endpoints,
    ...chatMethods(identity, wire),

    async classify(pages, signal) {
      const [window] = windowsOf(pages).windows
      if (!window) throw new AppError('NO_TEXT', 'no page has text for the model to read')
      return askTwice(
        (complaint) =>
          wire.chatJson({
            model: modelOf('classify'),
            system: CLASSIFY_SYSTEM,
            user: pagesPrompt(window, complaint),
            schema: CLASSIFY_SCHEMA,
            schemaName: 'classification',
            maxTokens: CLASSIFY_TOKENS_MAX,
            cacheKey: 'greffier-classify',
            signal,
          }),
        readClassification,
      )
    },

    async extract(pages, { schema }, signal) {
      const { windows, pagesRead } = windowsOf(pages)
      const results = await severalAtOnce(windows, signal, (window, ordinal, stopped) => extractWindow(window, ordinal, schema, stopped))
      const facts = results.map((result) => result.facts).reduce<CallFacts | null>((sum, one) => (sum ? sumFacts(sum, one) : one), null)
      if (!facts) throw new AppError('NO_TEXT', 'no page has text for the model to read')
      return { value: { claims: results.flatMap((result) => result.value), pagesRead }, facts }
    },

    embed: (texts, signal) => wire.embeddings({ model: modelOf('embed'), inputs: texts, signal }),

    answer: (question, passages, signal) =>
      askTwice(
        (complaint) =>
          wire.chatJson({
            model: modelOf('answer'),
            system: ANSWER_SYSTEM,
            user: answerPrompt(question, fitting(passages), complaint),
            schema: ANSWER_SCHEMA,
            schemaName: 'answer',
            maxTokens: ANSWER_TOKENS_MAX,
            cacheKey: 'greffier-answer',
            signal,
          }),
        readAnswer,
      ),
  }
}

/** Items of lists keep apart those of other windows (extraction/lists.ts). */
function inWindow(claim: ClaimedField, ordinal: number): ClaimedField {
  const path = claim.path.replace(/\.(\d+)(?=\.|$)/, (_, item: string) => `.${ordinal * WINDOW_ORDINALS + Number(item)}`)
  return { ...claim, path }
}

/** In order; the first failure stops the others. */
async function severalAtOnce<Item, T>(
  items: readonly Item[],
  signal: AbortSignal,
  work: (item: Item, ordinal: number, signal: AbortSignal) => Promise<ProviderResult<T>>,
): Promise<ProviderResult<T>[]> {
  const failed = new AbortController()
  const stopped = AbortSignal.any([signal, failed.signal])
  const results: ProviderResult<T>[] = []
  let next = 0
  const workInTurn = async () => {
    for (let ordinal = next++; ordinal < items.length; ordinal = next++) {
      results[ordinal] = await work(items[ordinal] as Item, ordinal, stopped)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(WINDOWS_AT_ONCE, items.length) }, workInTurn))
  } catch (error) {
    failed.abort(error)
    throw error
  }
  return results
}

function fitting(passages: readonly Passage[]): Passage[] {
  let length = 0
  return passages.filter((passage) => {
    length += passage.text.length
    return length <= PASSAGES_LENGTH_MAX
  })
}
