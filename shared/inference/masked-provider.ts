import type { Page } from '../contracts/extraction.ts'
import type { MaskKind } from '../contracts/masking.ts'
import type { ProcessingEvent } from '../contracts/record.ts'
import { assertMasked, createMasker, type MaskingSession } from '../masking/masker.ts'
import type { ServedRecogniser } from '../masking/recogniser.ts'
import { classesOf } from '../policy/evaluate.ts'
import type { CallContext } from './gateway.ts'
import { maskedChat } from './masked-chat.ts'
import type { ClaimedField, Provider, ProviderResult } from './provider.ts'

export interface MaskedCall {
  provider: Provider
  /** For the record, before anything is shown to anybody; null where nothing has to be masked. */
  intended: ProcessingEvent['minimisation']
  /** The same when the call has ended. */
  minimisation(): ProcessingEvent['minimisation']
}

/**
 * The provider as a call may use it: what goes in is masked, what comes out is unmasked, and with special or criminal data nothing goes in that the
 * finders still see something in (GDPR Art. 5(1)(c), 32). Throws POLICY_REFUSED then, MASKING_UNAVAILABLE when a recogniser does not answer.
 */
export function maskCall(
  recogniser: ServedRecogniser | undefined,
  provider: Provider,
  kinds: readonly MaskKind[],
  { subjects, language }: CallContext,
): MaskedCall {
  if (kinds.length === 0) return { provider, intended: null, minimisation: () => null }
  const session = createMasker({ kinds, ...(recogniser && { recogniser }) }).open(language)
  const strict = subjects.some((subject) => classesOf(subject).some((dataClass) => dataClass === 'special' || dataClass === 'criminal'))
  const isAsked = recogniser?.kinds.some((kind) => kinds.includes(kind))
  const how = { method: 'placeholders' as const, recogniser: recogniser && isAsked ? recogniser.server : null }
  return {
    provider: masked(provider, session, strict),
    intended: { before: {}, after: {}, ...how },
    minimisation: () => ({ ...session.counts(), ...how }),
  }
}

function masked(provider: Provider, session: MaskingSession, strict: boolean): Provider {
  const maskAll = async (texts: readonly string[], signal: AbortSignal): Promise<string[]> => {
    const covered = await session.maskAll(texts, signal)
    // What a rule names and nobody looks for is not masked, whatever the data.
    assertMasked(session, { strict: strict || session.unsearched.length > 0 })
    return covered
  }
  const maskPages = async (pages: readonly Page[], signal: AbortSignal): Promise<Page[]> => {
    const texts = await maskAll(
      pages.map((page) => page.text),
      signal,
    )
    return pages.map((page, at) => (page.method === 'no_text' ? page : { ...page, text: texts[at] ?? '' }))
  }
  const { processor, languageModel, endpoints, region, models } = provider
  // One by one: a method that nobody masks must not compile.
  return {
    processor,
    languageModel,
    endpoints,
    region,
    models,
    classify: async (pages, signal) => provider.classify(await maskPages(pages, signal), signal),
    extract: async (pages, request, signal) => {
      const result = await provider.extract(await maskPages(pages, signal), request, signal)
      const claims = result.value.claims.map((claim) => unmaskClaim(claim, session))
      return { ...result, value: { ...result.value, claims } }
    },
    embed: async (texts, signal) => provider.embed(await maskAll(texts, signal), signal),
    answer: async (question, passages, signal) => {
      const [asked = '', ...texts] = await maskAll([question, ...passages.map((passage) => passage.text)], signal)
      const covered = passages.map((passage, at) => ({ ...passage, text: texts[at] ?? '' }))
      return unmaskAnswer(await provider.answer(asked, covered, signal), session)
    },
    ...maskedChat(provider, { maskAll, unmask: (text) => session.unmask(text) }),
    // It shows the provider nothing.
    missing: (signal, tasks) => provider.missing(signal, tasks),
  }
}

/** Where it starts in the masked text says nothing about the page. */
function unmaskClaim({ start: _start, ...claim }: ClaimedField, session: MaskingSession): ClaimedField {
  return { ...claim, value: session.unmask(claim.value), quote: claim.quote === null ? null : session.unmask(claim.quote) }
}

function unmaskAnswer(result: Awaited<ReturnType<Provider['answer']>>, session: MaskingSession): typeof result {
  const { answer, citations } = result.value
  return {
    ...result,
    value: {
      answer: answer === null ? null : session.unmask(answer),
      citations: citations.map((citation) => ({ ...citation, quote: session.unmask(citation.quote) })),
    },
  } satisfies ProviderResult<unknown>
}
