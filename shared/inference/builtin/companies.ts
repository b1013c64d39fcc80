import type { ReadPage, Span } from './reading.ts'

/** A name with its legal form, as printed. */
export interface Company {
  name: string
  span: Span
  line: number
}

/** Longest name that is looked for before a legal form. UTF-16 code units. */
const NAME_LENGTH_MAX = 80
const NAME_WORDS_MAX = 7

/** Organisations that print their legal form (GmbH, Ltd, SARL, S.p.A., B.V. …), in the order of the text, the first `max`. */
export function findCompanies(page: ReadPage, max: number): Company[] {
  const companies: Company[] = []
  for (const [index, line] of page.lines.entries()) {
    let from = 0
    for (const form of line.text.matchAll(LEGAL_FORM)) {
      if (companies.length >= max) return companies
      const stop = form.index + form[0].length
      const start =
        nameStart(line.text, Math.max(from, form.index - NAME_LENGTH_MAX), form.index) ?? (form.index === from ? null : undefined)
      const span = typeof start === 'number' ? { start, end: stop } : formFirst(line.text, form.index, stop)
      if (!span) continue
      from = Math.max(stop, span.end)
      const at = { page: page.number, start: line.start + span.start, end: line.start + span.end }
      companies.push({ name: line.text.slice(span.start, span.end), span: at, line: index })
    }
  }
  return companies
}

const LEGAL_FORM =
  /(?<![\p{L}\d])(?:(?:GmbH|GMBH|AG|UG(?: \(haftungsbeschränkt\))?)(?: ?& ?Co\.? ?(?:KGaA|KG|OHG))?|gGmbH|GesmbH|mbH|KGaA|KG|OHG|SE|e\. ?V\.|e\. ?K\.|e\.?G|GbR|Ltd\.?|Limited|LLP|PLC|plc|Inc\.?|LLC|Corp\.?|S\.? ?[AÀà]\.? ?R\.? ?L\.?|S\. ?à ?r\. ?l\.?|Sàrl|S\.A\.S\.(?:U\.)?|SASU?|E\.U\.R\.L\.|EURL|SCI|SNC|S\.N\.C\.|s\.n\.c\.|S\. ?A\.(?: ?U\.)?|SAU?|S\. ?L\.(?: ?U\.)?|SLU?|S\. ?Coop\.?|S\.?[rR]\.?[lL]\.?s?|S\.?p\.?A\.?|B\.V\.|BV|N\.V\.|NV|V\.O\.F\.|VOF|BVBA|VZW|Oyj?|AB|A\/S|ApS|ASA|Sp\. ?z ?o\.? ?o\.?|s\.r\.o\.|d\.o\.o\.|Kft\.?|Lda\.?)(?![\p{L}\d])/gu

/** Words inside a name that are not capitalised. */
const CONNECTORS = new Set('& + und and et y e de du des la le les del della di da van von of the l d'.split(' '))

/** Words before a name that do not belong to it. */
const NOT_NAMES = /^(?:Firma|Fa\.?|Die|Der|Das|The|La|Le|Les|Société|Gesellschaft|Azienda|Empresa|De)$/u

/** A sentence about a company, not its name. */
const ARTICLE = /^(?:der|die|das|dem|den|ein|eine|the|an?|het|een|ist|is|est|für|for|pour|mit|with|avec)$/iu

/** Where the run of capitalised words that ends at `end` begins; null when there is none. */
function nameStart(text: string, from: number, end: number): number | null {
  const ahead = text.slice(from, end).replace(/, ?$/, '')
  const cut = Math.max(...[...ahead.matchAll(/[:;|•·\t]|,(?= )| [-–—] | {2,}/g)].map((match) => match.index + match[0].length), 0)
  const words = [...ahead.slice(cut).matchAll(/\S+/g)].slice(-NAME_WORDS_MAX)
  if (words.length <= 3 && /^\p{Lu}/u.test(words[0]?.[0] ?? '') && !words.slice(1).some(([word]) => NOT_NAMES.test(word))) {
    const form = text.slice(end)
    if (/^\S+(?: ?$| [-–—|·•]|,)/u.test(form) && !words.some(([word]) => ARTICLE.test(word))) return from + cut + (words[0]?.index ?? 0)
  }
  let first: number | null = null
  for (const word of words.reverse()) {
    const capital = /^["„“«'(]?[\p{Lu}\d]/u.test(word[0]) || /^\p{Ll}+\p{Lu}/u.test(word[0])
    if (!capital && !CONNECTORS.has(word[0].toLowerCase())) break
    if (/[.!?]$/.test(word[0]) && word[0].length > 4) break
    if (NOT_NAMES.test(word[0])) break
    if (capital && /\p{L}/u.test(word[0])) first = from + cut + word.index
  }
  return first
}

/** French and Spanish write `SARL Dupont` too. */
function formFirst(text: string, start: number, stop: number): { start: number; end: number } | null {
  if (!/^(?:SARL|SASU?|EURL|SCI|SNC)$/.test(text.slice(start, stop))) return null
  const name = /^(?: (?:\p{Lu}[\p{L}'’&-]*|&|et)){1,4}/u.exec(text.slice(stop, stop + NAME_LENGTH_MAX))
  return name && { start, end: stop + name[0].length }
}
