import type { MaskKind } from '../contracts/masking.ts'
import { findAddresses } from './addresses.ts'
import { findBirthDates } from './birth-dates.ts'
import { findCards } from './cards.ts'
import { findEmails } from './emails.ts'
import type { Candidate, Finding } from './finding.ts'
import { findIbans } from './ibans.ts'
import { findIpAddresses } from './ip-addresses.ts'
import { findNationalIds } from './national-ids.ts'
import { withoutOverlaps } from './overlaps.ts'
import { findPhones } from './phones.ts'
import { readSource, type Source } from './source.ts'
import { findVatIds } from './vat-ids.ts'

export interface FindOptions {
  kinds: readonly MaskKind[]
  /** ISO 639-1 of the text; null: unknown. */
  language: string | null
  /** ISO 3166 of the text, where it is known better than from the language. */
  country?: string | null
}

/** What rules find of the kinds asked for, without overlaps (see withoutOverlaps) and in order. Names are no matter of rules. Linear in the text. */
export function findPersonalData(text: string, options: FindOptions): Finding[] {
  return withoutOverlaps(findCandidates(text, options)).map(({ kind, start, end }) => ({ kind, start, end }))
}

/** As found, overlaps and all. A candidate that lies within a larger one of a kind not asked for (digits of an IBAN as a telephone number) is none. */
export function findCandidates(text: string, { kinds, language, country }: FindOptions): Candidate[] {
  const source = readSource(text, language, country ?? null)
  const asked: Candidate[] = []
  const others: Candidate[] = []
  for (const [kind, find] of Object.entries(FINDERS)) {
    const into = (kinds as readonly string[]).includes(kind) ? asked : others
    for (const candidate of find(source)) into.push(candidate)
  }
  return others.length === 0 ? asked : outsideOf(asked, withoutOverlaps(others))
}

const FINDERS: Record<Exclude<MaskKind, 'name'>, (source: Source) => Iterable<Candidate>> = {
  iban: findIbans,
  vat_id: findVatIds,
  national_id: findNationalIds,
  phone: findPhones,
  email: findEmails,
  card: findCards,
  ip: findIpAddresses,
  birth_date: findBirthDates,
  address: findAddresses,
}

/** Without those that a larger one contains; both in order, so that one walk over each is enough. */
function outsideOf(candidates: readonly Candidate[], larger: readonly Candidate[]): Candidate[] {
  let index = 0
  return candidates
    .toSorted((a, b) => a.start - b.start)
    .filter(({ start, end }) => {
      while ((larger[index]?.end ?? Number.POSITIVE_INFINITY) <= start) index += 1
      const around = larger[index]
      return (
        !around || around.certainty === 'shaped' || start < around.start || end > around.end || end - start === around.end - around.start
      )
    })
}
