/** What sort of thing answers a question, and where the sentence shows one. */
export type AnswerKind = 'date' | 'duration' | 'amount' | 'number' | 'person' | 'email' | 'phone'

/** Null: the words of the question do not tell (en de fr es it nl). `language` parts the German "wie" (how) from the Dutch one (who). */
export function answerKind(question: string, language: string | null): AnswerKind | null {
  for (const [kind, pattern] of QUESTIONS) if (pattern.test(question)) return kind
  return WHO[language ?? '']?.test(question) ? 'person' : null
}

export function showsKind(sentence: string, kind: AnswerKind): boolean {
  return SHOWN[kind].test(sentence)
}

const QUESTIONS: readonly (readonly [AnswerKind, RegExp])[] = [
  ['email', /e-?mail|correo electrónico|courriel|posta elettronica/i],
  ['phone', /telephone|phone number|telefon|téléphone|teléfono|numéro de tél|rufnummer/i],
  [
    'duration',
    /how long|how many (?:days|weeks|months|years|hours|minutes)|notice period|wie lange|kündigungsfrist|wie schnell|(?:combien|cuánt\p{L}+|quant\p{L}) (?:de |d')?(?:temps|jours|mois|ans|tiempo|días|meses|años|giorni|mesi|anni)|préavis|preaviso|preavviso|opzegtermijn|hoe lang|wie viele (?:tage|wochen|monate|jahre|stunden)|hoeveel (?:dagen|weken|maanden|jaar)/iu,
  ],
  [
    'date',
    /\bwhen\b|what (?:date|day|year)|which year|\bwann\b|welche[mns]? (?:jahr|tag|datum)|bis wann|\bquand\b|quelle (?:date|année)|cuándo|qué (?:fecha|año)|\bquando\b|(?:quale|che) (?:data|anno)|in che anno|wanneer|welk jaar|welke datum|zahlungsziel/iu,
  ],
  [
    'amount',
    /how much|what (?:amount|price|sum)|\bcosts?\b|\bprice\b|salary|wie ?viel|welcher betrag|wie hoch|kosten|combien|quel (?:montant|prix)|à combien|indemnité|cuánto|qué (?:importe|precio)|quanto|quale (?:importo|prezzo)|hoeveel|welk bedrag/iu,
  ],
  ['number', /how many|what (?:number|percentage|percent)|wie viele|anzahl|prozent|cuánt[oa]s|quant[ie]|quel (?:nombre|pourcentage)/iu],
]

const WHO: Readonly<Record<string, RegExp>> = {
  en: /\bwho(?:m|se)?\b/i,
  de: /\b(?:wer|wem|wen|wessen)\b/i,
  fr: /\bqui\b/i,
  es: /\bqui[eé]n(?:es)?\b/i,
  it: /\bchi\b/i,
  nl: /\bwie\b/i,
}

const NUMERAL =
  /\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|deux|trois|quatre|cinq|dix|dos|tres|cuatro|cinco|due|tre|quattro|cinque|twee|drie|vijf|tien)\b/i

const SHOWN: Readonly<Record<AnswerKind, RegExp>> = {
  date: /\b1\d{3}\b|\b20\d\d\b|\d{1,2}[./-]\d{1,2}|\d{1,2}\.? \p{L}{3,10}\b/u,
  duration:
    /(?:\d|\b\p{L}{3,9})[ -](?:day|week|month|year|hour|minute|tag|woche|monat|jahr|stunde|minute|jour|semaine|mois|an|heure|día|semana|mes|año|hora|giorn|settiman|mes|ann|or[ae]|dag|dagen|we[e]?k|maand|jaar|uur)/iu,
  amount: /[€$£]|\b(?:EUR|USD|GBP|CHF|euros?)\b|\d/iu,
  number: NUMERAL,
  person: /\p{Lu}\p{Ll}+ (?:(?:de|van|von|di|del) )?\p{Lu}/u,
  email: /@/,
  phone: /\+?\d[\d ()/.-]{5,}\d/,
}
