import { AppError } from '../contracts/errors.ts'
import { readClaims } from './extraction/claims.ts'
import { evidenceSchema } from './extraction/evidence-schema.ts'
import { WINDOW_ORDINALS } from './extraction/lists.ts'
import type { SchemaNode } from './extraction/schema.ts'
import { mapAtOnce } from './map-at-once.ts'
import { chatMethods, modelFor } from './model-chat.ts'
import { readAnswer, readClassification } from './model-output.ts'
import { ANSWER_SCHEMA, ANSWER_SYSTEM, answerPrompt, CLASSIFY_SCHEMA, CLASSIFY_SYSTEM, EXTRACT_SYSTEM, pagesPrompt } from './prompts.ts'
import type { ClaimedField, Passage, Provider, Task } from './provider.ts'
import { askTwice, isCut, sumFacts } from './repair.ts'
import { halve, type PagePiece, windowsOf } from './windows.ts'
import type { ChatJsonRequest, Wire } from './wire.ts'

/** Of all passages together, UTF-16 code units: the best ones come first. */
const PASSAGES_LENGTH_MAX = 40_000

/** Requests of one document at once: a long one must not take every slot that a provider gives its caller. */
const WINDOWS_AT_ONCE = 4

/** A window becomes eight parts at most. */
const HALVINGS_MAX = 3

/** Of a schema's hash, as much as tells requests with other instructions apart. Hexadecimal digits. */
const HASH_SHOWN = 16

const CLASSIFY_TOKENS_MAX = 512
const ANSWER_TOKENS_MAX = 1_024
/** A value with its quote takes about 40 tokens: a hundred values, and with lists some fifty items of six. With a window both fit into 32k. */
const EXTRACT_TOKENS_MAX = 4_096
const EXTRACT_LISTS_TOKENS_MAX = 12_288

/**
 * What is the same for every language model behind the OpenAI wire format; a provider's own file holds what differs. What a model returns that is not what
 * was asked for is asked for once more (repair.ts); all requests of a call are one call to the gateway.
 */
export function createModelProvider(identity: Pick<Provider, 'processor' | 'region' | 'models'>, wire: Wire): Provider {
  const ask = (task: Task, request: Omit<ChatJsonRequest, 'model'>) => wire.chatJson({ model: modelFor(identity, task), ...request })
  return {
    ...identity,
    languageModel: true,
    endpoints: wire.endpoints,
    ...chatMethods(identity, wire),
    metered: (onAnswered) => createModelProvider(identity, wire.metered(onAnswered)),

    async classify(pages, signal) {
      const [window] = windowsOf(pages).windows
      if (!window) throw noText()
      const fixed = {
        system: CLASSIFY_SYSTEM,
        schema: CLASSIFY_SCHEMA,
        schemaName: 'classification',
        maxTokens: CLASSIFY_TOKENS_MAX,
        cacheKey: 'greffier-classify',
        signal,
      }
      return askTwice((complaint) => ask('classify', { ...fixed, user: pagesPrompt(window, complaint) }), readClassification)
    },

    async extract(pages, { schema }, signal) {
      const { windows, pagesRead } = windowsOf(pages)
      if (windows.length === 0) throw noText()
      const maxTokens = hasList(schema.root) ? EXTRACT_LISTS_TOKENS_MAX : EXTRACT_TOKENS_MAX
      const fixed = {
        system: EXTRACT_SYSTEM,
        schema: evidenceSchema(schema),
        schemaName: 'extraction',
        maxTokens,
        cacheKey: `greffier-extract-${schema.hash.slice(0, HASH_SHOWN)}`,
      }
      const read = (window: readonly PagePiece[], windowSignal: AbortSignal) =>
        askTwice(
          (complaint) => ask('extract', { ...fixed, user: pagesPrompt(window, complaint), signal: windowSignal }),
          (output) => readClaims(output, schema),
        )
      const answers = await mapAtOnce(windows, { atOnce: WINDOWS_AT_ONCE, signal }, (window, _, windowSignal) =>
        readOrHalve(window, (part) => read(part, windowSignal)),
      )
      const parts = answers.flat()
      return {
        value: { claims: parts.flatMap(({ value }, ordinal) => value.map((claim) => ofWindow(claim, ordinal))), pagesRead },
        facts: parts.map(({ facts }) => facts).reduce(sumFacts),
      }
    },

    embed: (texts, signal) => wire.embeddings({ model: modelFor(identity, 'embed'), inputs: texts, signal }),

    async answer(question, passages, signal) {
      const fixed = {
        system: ANSWER_SYSTEM,
        schema: ANSWER_SCHEMA,
        schemaName: 'answer',
        maxTokens: ANSWER_TOKENS_MAX,
        cacheKey: 'greffier-answer',
        signal,
      }
      const shown = fitting(passages)
      return askTwice((complaint) => ask('answer', { ...fixed, user: answerPrompt(question, shown, complaint) }), readAnswer)
    },
  }
}

/** An answer that was cut by its length is nothing: the window is read in two halves, and those in halves at most until HALVINGS_MAX. */
async function readOrHalve<T>(
  window: readonly PagePiece[],
  read: (window: readonly PagePiece[]) => Promise<T>,
  halvings = 0,
): Promise<T[]> {
  try {
    return [await read(window)]
  } catch (error) {
    const halves = isCut(error) && halvings < HALVINGS_MAX ? halve(window) : null
    if (!halves) throw error
    const [first, second] = halves
    return [...(await readOrHalve(first, read, halvings + 1)), ...(await readOrHalve(second, read, halvings + 1))]
  }
}

function noText(): AppError {
  return new AppError('NO_TEXT', 'no page has text for the model to read')
}

/** Each part numbers its lists from 0: their items are told apart until the lists are put together (lists.ts). */
function ofWindow(claim: ClaimedField, part: number): ClaimedField {
  return { ...claim, path: claim.path.replace(/\.(\d+)/, (_, ordinal) => `.${part * WINDOW_ORDINALS + Number(ordinal)}`) }
}

function hasList(node: SchemaNode): boolean {
  return node.kind === 'list' || (node.kind === 'object' && Object.values(node.properties).some(hasList))
}

function fitting(passages: readonly Passage[]): Passage[] {
  let length = 0
  return passages.filter((passage) => {
    length += passage.text.length
    return length <= PASSAGES_LENGTH_MAX
  })
}
