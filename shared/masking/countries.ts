/**
 * Where a text of a language may come from, the likeliest first. It decides how telephone numbers without a country code are read, and whose
 * bare numbers count as national ids.
 */
const COUNTRIES: Readonly<Record<string, readonly string[]>> = {
  bg: ['BG'],
  ca: ['ES'],
  cs: ['CZ'],
  da: ['DK'],
  de: ['DE', 'AT', 'CH', 'LU'],
  el: ['GR', 'CY'],
  en: ['GB', 'IE'],
  es: ['ES'],
  et: ['EE'],
  fi: ['FI'],
  fr: ['FR', 'BE', 'CH', 'LU'],
  ga: ['IE'],
  hr: ['HR'],
  hu: ['HU'],
  is: ['IS'],
  it: ['IT', 'CH'],
  lt: ['LT'],
  lv: ['LV'],
  mt: ['MT'],
  nb: ['NO'],
  nl: ['NL', 'BE'],
  nn: ['NO'],
  no: ['NO'],
  pl: ['PL'],
  pt: ['PT'],
  ro: ['RO'],
  sk: ['SK'],
  sl: ['SI'],
  sv: ['SE', 'FI'],
}

/** ISO 3166 codes for an ISO 639-1 language; a country that is known stands before those of the language. Empty when neither says anything. */
export function countriesOf(language: string | null, country: string | null): readonly string[] {
  const ofLanguage = COUNTRIES[language ?? ''] ?? []
  return country === null ? ofLanguage : [country, ...ofLanguage.filter((other) => other !== country)]
}
