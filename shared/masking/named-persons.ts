/** UTF-16 offsets of a name, without what announces it. */
export interface NamedPerson {
  start: number
  end: number
}

/** Words that belong to a name and begin small. */
const PARTICLE = '(?:von|vom|van|de|der|den|del|della|di|da|do|dos|du|la|le|zu|zum|zur|ten|ter|bin|ibn|al|el|af|y)'
const WORD = "\\p{Lu}[\\p{L}\\p{M}'’-]{1,40}"
const INITIAL = '\\p{Lu}\\.'
/** Two to five words with what stands between, or the surname first (`Krüger, Anna`). */
const NAME = `${WORD}(?:(?:[ \\t]+${PARTICLE}){0,3}(?:[ \\t]+|,[ \\t]+)(?:${WORD}|${INITIAL})){1,4}`
const ADDRESS = '(?:Herrn?|Frau|Mr|Mrs|Ms|Miss|Mme|Mlle|Monsieur|Madame|Dr|Prof|Sr|Sra|Señora?|Dott|Dhr|Mevr|Sig|Sig\\.ra)'
const LABEL =
  '(?:Vor- und Nachname|Nachname, Vorname|Full name|Name|Nom|Nombre|Nome|Naam|Patient(?:in)?|Versicherte[rn]?|Mitarbeiter(?:in)?|Arbeitnehmer(?:in)?|' +
  'Beschäftigte[rn]?|Employee|Mieter(?:in)?|Vermieter(?:in)?|Tenant|Landlord|Kund(?:e|in)|Customer|Client|Kontoinhaber(?:in)?|Account holder|Titulaire|' +
  'Ansprechpartner(?:in)?|Contact|Antragsteller(?:in)?|Applicant|Bewerber(?:in)?|Candidate|Bill to|Rechnung an|z\\. ?Hd\\.|Attn|Student(?:in)?|Halter(?:in)?)'

const ANNOUNCED = [
  // `Frau Dr. Anna Krüger`: what announces may stand several times.
  new RegExp(`(?<![\\p{L}\\d])(?:${ADDRESS}\\.?[ \\t]+){1,3}(?<name>${NAME})`, 'gdu'),
  new RegExp(`(?<![\\p{L}\\d])${LABEL}[ \\t]{0,4}[:.][ \\t]{0,8}(?:${ADDRESS}\\.?[ \\t]+){0,3}(?<name>${NAME})`, 'gdu'),
] as const

/**
 * Names of people that something announces, a form of address or a label, with first and last name on one line. A name in running text has no form, and no rule
 * finds it.
 */
export function findNamedPersons(text: string): NamedPerson[] {
  const found = ANNOUNCED.flatMap((pattern) =>
    [...text.matchAll(pattern)].flatMap((match) => {
      const at = match.indices?.groups?.name
      return at ? [{ start: at[0], end: at[1] }] : []
    }),
  )
  const inOrder = found.sort((a, b) => a.start - b.start || b.end - a.end)
  return inOrder.filter((one, index) => index === 0 || one.start >= (inOrder[index - 1]?.end ?? 0))
}
