import { type Correction, correctionText, stands } from '../../shared/contracts/rectification.ts'
import type { Citation } from '../../shared/contracts/retrieval.ts'
import { locateInText } from '../../shared/inference/evidence.ts'
import type { ClaimedCitation, Passage } from '../../shared/inference/provider.ts'

interface Corrected {
  document_id: string
  page: number
  start: number
  end: number
  corrections: readonly Correction[]
}

/** Those that a piece of a page states otherwise, and those of which no place of the document states anything. */
export function concerning(corrections: readonly Correction[], piece: Pick<Corrected, 'page' | 'start' | 'end'>): Correction[] {
  return corrections.filter(({ evidence }) => evidence.length === 0 || evidence.some((place) => stands(place, piece)))
}

/** What a provider drafts from: corrections before the passages that they are about, because what comes last is cut first. */
export function draftFrom(passages: readonly (Corrected & { text: string })[]): Passage[] {
  const corrections = listCorrections(passages).map(({ correction, passage }, at) => ({
    ref: passages.length + at,
    text: `Concerns passage ${passage}.\n\n${correctionText(correction)}`,
  }))
  return [...corrections, ...passages.map(({ text }, ref) => ({ ref, text }))]
}

/** A quote of a correction, as the citation of the place that it corrects: that is where the document speaks of it. */
export function citeCorrected({ ref, quote }: ClaimedCitation, passages: readonly Corrected[]): Citation[] {
  const correction = listCorrections(passages)[ref - passages.length]?.correction
  const place = correction?.evidence[0]
  if (!correction || !place || !locateInText(correctionText(correction), quote)) return []
  return [{ document_id: correction.document_id, ...place, verified: true }]
}

/** What was corrected of what an answer cites; said in the answer where it does not say it already. */
export function correctAnswer(answer: string, citations: readonly Citation[], passages: readonly Corrected[]) {
  const corrections = listCorrections(passages)
    .map(({ correction }) => correction)
    .filter(({ document_id, evidence }) =>
      citations.some(
        (cited) => cited.document_id === document_id && (evidence.length === 0 || evidence.some((place) => stands(place, cited))),
      ),
    )
  const unsaid = corrections.filter(({ value, evidence }) => evidence.length > 0 && !answer.includes(value))
  return { answer: [answer, ...unsaid.map(correctionText)].join(' '), corrections }
}

/** Each once, with the first passage that it concerns. */
function listCorrections(passages: readonly Corrected[]): { correction: Correction; passage: number }[] {
  const all = passages.flatMap(({ corrections }, passage) => corrections.map((correction) => ({ correction, passage })))
  return [...new Map(all.toReversed().map((one) => [`${one.correction.document_id} ${one.correction.field}`, one])).values()].toReversed()
}
