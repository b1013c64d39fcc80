import { AppError } from '../contracts/errors.ts'
import type { Page } from '../contracts/extraction.ts'
import { chatMethods } from './model-chat.ts'
import { readAnswer, readClaims, readClassification } from './model-output.ts'
import {
  ANSWER_SCHEMA,
  ANSWER_SYSTEM,
  answerPrompt,
  CLASSIFY_SCHEMA,
  CLASSIFY_SYSTEM,
  EXTRACT_SCHEMA,
  EXTRACT_SYSTEM,
  type PagePiece,
  pagesPrompt,
} from './prompts.ts'
import type { CallFacts, ClaimedField, Passage, Provider, Task } from './provider.ts'
import type { Wire } from './wire.ts'

/** About ten thousand tokens of Latin script: small models attend badly to more. UTF-16 code units. */
const WINDOW_LENGTH_MAX = 40_000

/** What follows in a longer document is not read by the model: it bounds cost and time, and names, dates and totals rarely stand that deep. */
const WINDOWS_MAX = 8

/** Of all passages together, UTF-16 code units: the best ones come first. */
const PASSAGES_LENGTH_MAX = 40_000

const CLASSIFY_TOKENS_MAX = 512
const EXTRACT_TOKENS_MAX = 4_096
const ANSWER_TOKENS_MAX = 1_024

/** What is the same for every language model behind the OpenAI wire format; a provider's own file holds what differs. */
export function createModelProvider(identity: Pick<Provider, 'processor' | 'region' | 'models'>, wire: Wire): Provider {
  const modelOf = (task: Task): string => {
    const model = identity.models[task]
    if (model === null) throw new AppError('MODEL_REFUSED', `${identity.processor} has no model to ${task}`)
    return model
  }
  return {
    ...identity,
    languageModel: true,
    endpoints: wire.endpoints,
    ...chatMethods(identity, wire),

    async classify(pages, signal) {
      const [window] = windowsOf(pages)
      if (!window) throw new AppError('NO_TEXT', 'no page has text for the model to read')
      const output = await wire.chatJson({
        model: modelOf('classify'),
        system: CLASSIFY_SYSTEM,
        user: pagesPrompt(window),
        schema: CLASSIFY_SCHEMA,
        schemaName: 'classification',
        maxTokens: CLASSIFY_TOKENS_MAX,
        signal,
      })
      return { value: readClassification(output.value), facts: output.facts }
    },

    async extract(pages, _request, signal) {
      const claims: ClaimedField[] = []
      let facts: CallFacts | undefined
      for (const window of windowsOf(pages)) {
        const output = await wire.chatJson({
          model: modelOf('extract'),
          system: EXTRACT_SYSTEM,
          user: pagesPrompt(window),
          schema: EXTRACT_SCHEMA,
          schemaName: 'extraction',
          maxTokens: EXTRACT_TOKENS_MAX,
          signal,
        })
        claims.push(...readClaims(output.value))
        facts = facts ? sum(facts, output.facts) : output.facts
      }
      if (!facts) throw new AppError('NO_TEXT', 'no page has text for the model to read')
      return { value: claims, facts }
    },

    embed: (texts, signal) => wire.embeddings({ model: modelOf('embed'), inputs: texts, signal }),

    async answer(question, passages, signal) {
      const output = await wire.chatJson({
        model: modelOf('answer'),
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
  return {
    ...last,
    tokensIn: before.tokensIn + last.tokensIn,
    tokensCached: before.tokensCached + last.tokensCached,
    tokensOut: before.tokensOut + last.tokensOut,
  }
}
