let serial = 0

/** Another text each time, of one page and one chunk; with thousands of further sentences large enough to be caught halfway. */
export function letter(furtherSentences = 0): string {
  return `Schreiben ${++serial}: die Heizung im Treppenhaus wurde am 4. Mai 2026 abgelesen.${' Alles war in Ordnung.'.repeat(furtherSentences)}`
}

/** Another text each time, of several chunks and with fields. Always as long, so that what the pipeline makes of one is what it makes of each. */
export function invoice(): string {
  const number = String(++serial).padStart(4, '0')
  const sentence = `Im Protokoll ${number} steht, dass die Sitzung um neun Uhr begann und alle da waren. `
  return `Rechnung\n\nRechnungsnummer: R-${number}\nRechnungsdatum: 01.02.2026\nGesamtbetrag: 119,00 EUR\n\n${sentence.repeat(40)}\n`
}
