import { AppError } from '../contracts/errors.ts'
import type { MaskCounts, MaskKind } from '../contracts/masking.ts'
import { nextTurn } from '../runtime/turns.ts'
import { countriesOf } from './countries.ts'
import { type CutNames, createCutNames } from './cut-names.ts'
import { type FindOptions, findCandidates } from './find.ts'
import type { Candidate, Finding } from './finding.ts'
import { createKnownValues, type KnownValues } from './known-values.ts'
import type { MaskingSession } from './masker.ts'
import { withoutOverlaps } from './overlaps.ts'
import { findPlaceholders, LITERAL, type PlaceholderKind } from './placeholders.ts'
import type { NameRecogniser } from './recogniser.ts'
import { createVault, type Vault } from './vault.ts'

/** What stands beside a value may look different once the value is masked, so the masked text is looked through again; it settles in the second round. */
const ROUNDS_MAX = 3

/** Other work gets its turn after a text of this length, some 30 ms. UTF-16 code units. */
const LENGTH_WITHOUT_TURN = 200_000

/** Answers of models are nested five deep or so. */
const DEPTH_MAX = 64

export interface SessionOptions {
  kinds: readonly MaskKind[]
  recogniser: NameRecogniser | undefined
  language: string | null
  country: string | null
}

/** See MaskingSession. Everything is held in closures, so nothing that prints or serialises the session can reach a value. */
export function openSession({ kinds, recogniser, language, country }: SessionOptions): MaskingSession {
  const unsearched = kinds.filter((kind) => kind === 'name' && !recogniser?.kinds.includes(kind))
  const state: State = {
    options: { kinds: kinds.filter((kind) => !unsearched.includes(kind)), language, country },
    recogniser,
    vault: createVault(countriesOf(language, country)),
    known: createKnownValues(),
    cut: createCutNames(),
    before: {},
    left: {},
    masked: [],
  }
  let isWhole = true
  let unknown = 0

  const maskAll = async (texts: readonly string[], signal: AbortSignal) => {
    try {
      return await maskTexts(state, texts, signal)
    } catch (error) {
      isWhole = false
      throw error
    }
  }
  const unmask = (text: string) => {
    const result = state.vault.unmask(text)
    unknown += result.unknown
    return result.text
  }
  return Object.freeze({
    mask: async (text: string, signal: AbortSignal) => (await maskAll([text], signal)).join(''),
    maskAll,
    unmask,
    unmaskDeep: (value: unknown) => unmaskDeep(value, unmask, DEPTH_MAX),
    unknownPlaceholders: () => unknown,
    counts: () => counts(state),
    unsearched: Object.freeze(unsearched),
    isWhole: () => isWhole,
  })
}

type Span = Omit<Candidate, 'kind'> & { kind: PlaceholderKind }

interface State {
  options: FindOptions
  recogniser: NameRecogniser | undefined
  vault: Vault
  known: KnownValues
  cut: CutNames
  before: MaskCounts
  /** What rules still found in masked texts. */
  left: MaskCounts
  masked: string[]
}

/** First what is in all texts, then the masking, so that what one text shows is masked in every one. */
async function maskTexts(state: State, texts: readonly string[], signal: AbortSignal): Promise<string[]> {
  const found: { text: string; spans: Span[] }[] = []
  for (const text of texts) {
    signal.throwIfAborted()
    const spans = await look(state, text, signal)
    for (const { kind, start, end } of spans) {
      if (kind !== LITERAL) state.known.add(kind, text.slice(start, end))
      if (kind === 'name') state.cut.add(text.slice(start, end))
    }
    found.push({ text, spans })
    if (text.length > LENGTH_WITHOUT_TURN) await nextTurn()
  }
  const results: string[] = []
  for (const { text, spans } of found) {
    results.push(settle(state, text, spans))
    if (text.length > LENGTH_WITHOUT_TURN) await nextTurn()
  }
  state.masked.push(...results)
  return results
}

async function look({ options, recogniser }: State, text: string, signal: AbortSignal): Promise<Span[]> {
  const { kinds, language } = options
  const isAsked = ({ kind }: { kind: MaskKind }) => kinds.includes(kind)
  const recognised = recogniser?.kinds.some((kind) => kinds.includes(kind)) ? await recogniser.recognise(text, language, signal) : []
  const literals = findPlaceholders(text).map(({ start, end }): Span => ({ kind: LITERAL, start, end, certainty: 'shaped' }))
  return withoutOverlaps([
    ...findCandidates(text, options),
    ...recognised.filter(isAsked).map((found): Span => ({ ...found, certainty: 'named' })),
    ...literals,
  ])
}

function settle(state: State, text: string, spans: readonly Span[]): string {
  let result = replace(state, text, withoutOverlaps([...spans, ...state.known.find(text), ...state.cut.find(text)]))
  for (let round = 2; round <= ROUNDS_MAX; round += 1) {
    const left = leftIn(state, result)
    if (left.length === 0) return result
    result = replace(state, result, left)
  }
  for (const { kind } of leftIn(state, result)) count(state.left, kind)
  return result
}

function leftIn({ options }: State, masked: string): Span[] {
  return outsidePlaceholders(masked, withoutOverlaps(findCandidates(masked, options)))
}

function replace(state: State, text: string, spans: readonly Span[]): string {
  const parts: string[] = []
  let end = 0
  for (const span of spans) {
    parts.push(text.slice(end, span.start), state.vault.placeholder(span.kind, text.slice(span.start, span.end)))
    end = span.end
    if (span.kind !== LITERAL) count(state.before, span.kind)
  }
  parts.push(text.slice(end))
  return parts.join('')
}

/** Of what is found in a masked text, the parts between placeholders that hold a letter or digit. Both lists in order. */
function outsidePlaceholders<F extends Omit<Finding, 'kind'>>(masked: string, found: readonly F[]): F[] {
  if (found.length === 0) return []
  const placeholders = findPlaceholders(masked)
  const parts: F[] = []
  let index = 0
  for (const finding of found) {
    let { start } = finding
    while ((placeholders[index]?.end ?? Number.POSITIVE_INFINITY) <= start) index += 1
    for (let at = index; start < finding.end; at += 1) {
      const placeholder = placeholders[at]
      const end = Math.min(placeholder?.start ?? finding.end, finding.end)
      if (end > start && /[\p{L}\p{N}]/u.test(masked.slice(start, end))) parts.push({ ...finding, start, end })
      start = placeholder && placeholder.start < finding.end ? placeholder.end : finding.end
    }
  }
  return parts
}

/** A value that became known after an earlier text was masked may stand in it still. */
function counts({ options, before, left, masked, known }: State): { before: MaskCounts; after: MaskCounts } {
  const zero = Object.fromEntries(options.kinds.map((kind) => [kind, 0]))
  const after = { ...zero, ...left }
  for (const text of masked) for (const { kind } of outsidePlaceholders(text, withoutOverlaps(known.find(text)))) count(after, kind)
  return { before: { ...zero, ...before }, after }
}

function count(counts: MaskCounts, kind: PlaceholderKind): void {
  if (kind !== LITERAL) counts[kind] = (counts[kind] ?? 0) + 1
}

function unmaskDeep(value: unknown, unmask: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return unmask(value)
  if (value === null || typeof value !== 'object') return value
  if (depth === 0) throw new AppError('MODEL_OUTPUT_INVALID', `nested deeper than ${DEPTH_MAX}`)
  if (Array.isArray(value)) return value.map((item) => unmaskDeep(item, unmask, depth - 1))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unmaskDeep(item, unmask, depth - 1)]))
}
