import { stdnum } from 'stdnum'

/**
 * How the number of one country is printed. `anywhere`: its form and checksum together are rare enough to count in every text; `at_home`: bare digits, of
 * which one in ten or so fits by chance, count only in texts of that country and where no label says otherwise. What fits `exact` is so clearly such a
 * number that it counts although its checksum fails.
 */
export interface Form {
  country: string
  pattern: RegExp
  alone: 'anywhere' | 'at_home'
  check: (printed: string) => boolean
  exact?: RegExp
}

const END = '(?![\\p{L}\\d]|[.,/-]\\d)'
const DAY = '(?:0[1-9]|[12]\\d|3[01])'
const MONTH = '(?:0[1-9]|1[0-2])'

/** Begin with a letter. */
const WITH_LETTERS: readonly Form[] = [
  form('IT', 'codicefiscale', '[A-Z]{6}[\\dL-NP-V]{2}[A-EHLMPRST][\\dL-NP-V]{2}[A-Z][\\dL-NP-V]{3}[A-Z]', 'anywhere', /./, 'i'),
  form('ES', 'nie', '[XYZ][ -]?\\d{7}[ -]?[A-Z]', 'anywhere', /^[XYZ]-?\d{7}-[A-Z]$/),
  form('GB', 'nino', '[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\\d{2} ?\\d{2} ?\\d{2} ?[A-D]', 'anywhere'),
]

const NIR = form(
  'FR',
  'nir',
  '[1-478] ?\\d{2} ?\\d{2} ?(?:\\d{2}|2[AB]) ?\\d{3} ?\\d{3} ?\\d{2}',
  'anywhere',
  /^\d \d\d \d\d \S\S \d{3} \d{3} \d\d$/,
)

const WITH_DIGITS: readonly Form[] = [
  form('AT', 'vnr', `\\d{4} ?${DAY}(?:0[1-9]|1[0-5])\\d{2}`, 'at_home', new RegExp(`^\\d{4} ${DAY}${MONTH}\\d{2}$`)),
  form('BE', 'insz', '\\d{2}\\.?[0-6]\\d\\.?[0-3]\\d[ -]?\\d{3}[.-]?\\d{2}', 'anywhere', /^\d\d\.\d\d\.\d\d-\d{3}\.\d\d$/),
  form('BG', 'egn', '\\d{2}[0-5]\\d[0-3]\\d{5}', 'at_home'),
  form('CH', 'ssn', '756[. ]?\\d{4}[. ]?\\d{4}[. ]?\\d{2}', 'anywhere', /^756\.\d{4}\.\d{4}\.\d\d$/),
  form('CZ', 'rc', '\\d{2}[0-8]\\d[0-3]\\d/\\d{3,4}', 'anywhere', /^\d\d(?:[05]\d|[1267][0-2])(?:0[1-9]|[12]\d|3[01])\/\d{4}$/),
  form('CZ', 'rc', '\\d{2}[0-8]\\d[0-3]\\d{5}', 'at_home'),
  form('SK', 'rc', '\\d{2}[0-8]\\d[0-3]\\d{5}', 'at_home'),
  form('DE', 'svnr', '\\d{2} ?\\d{6} ?[A-Z] ?\\d{3}', 'anywhere', new RegExp(`^\\d{2} ?${DAY}${MONTH}\\d{2} ?[A-Z] ?\\d{3}$`)),
  form('DE', 'idnr', '[1-9]\\d(?:\\d{9}| \\d{3} \\d{3} \\d{3})', 'at_home', /^\d\d \d{3} \d{3} \d{3}$/),
  form('DK', 'cpr', `${DAY}${MONTH}\\d{2}-?\\d{4}`, 'at_home'),
  form('EE', 'ik', `[1-8]\\d{2}${MONTH}${DAY}\\d{4}`, 'at_home'),
  form('ES', 'dni', '\\d{2}(?:\\d{6}|\\.\\d{3}\\.\\d{3})[ -]?[A-Z]', 'anywhere', /-[A-Z]$/),
  // The marks of the century since 2023 (U to Y, B to F) are known to stdnum.
  form('FI', 'hetu', `${DAY}${MONTH}\\d{2}[-+A-FU-Y]\\d{3}[\\dA-Y]`, 'anywhere', /./),
  NIR,
  form('FR', 'nif', '[0-3]\\d ?\\d{2} ?\\d{3} ?\\d{3} ?\\d{3}', 'at_home'),
  form('GR', 'amka', `${DAY}${MONTH}\\d{7}`, 'at_home'),
  form('HR', 'oib', '\\d{11}', 'at_home'),
  form('IE', 'pps', '\\d{7}[A-W][A-IW]?', 'at_home'),
  form('IS', 'kennitala', `${DAY}${MONTH}\\d{2}-?\\d{4}`, 'at_home'),
  form('LT', 'asmens', `[1-6]\\d{2}${MONTH}${DAY}\\d{4}`, 'at_home'),
  form('LV', 'pvn', '[0-3]\\d{5}-?\\d{5}', 'at_home'),
  form('NL', 'bsn', '\\d{9}|\\d{4}\\.\\d{2}\\.\\d{3}|\\d{3} \\d{3} \\d{3}', 'at_home'),
  form('NO', 'fodselsnummer', '[0-7]\\d[0-8]\\d{3} ?\\d{5}', 'anywhere'),
  form('PL', 'pesel', '\\d{2}[0-9]\\d[0-3]\\d{6}', 'at_home'),
  form('PT', 'nif', '[1-4]\\d{2} ?\\d{3} ?\\d{3}', 'at_home'),
  form('PT', 'cc', '\\d{8} ?\\d ?[A-Z]{2}\\d', 'anywhere'),
  form('RO', 'cnp', `[1-8]\\d{2}${MONTH}${DAY}\\d{6}`, 'anywhere'),
  form('SE', 'personnummer', `(?:19|20)?\\d{2}${MONTH}[0-9]\\d[-+]\\d{4}`, 'anywhere'),
  form('SI', 'emso', `${DAY}${MONTH}\\d{9}`, 'anywhere'),
  form('US', 'ssn', '\\d{3}-\\d{2}-\\d{4}', 'anywhere'),
]

/** By what the number begins with: letters, a digit that stands alone, or a group of digits. */
export const FORMS: Readonly<Record<'letters' | 'digit' | 'digits', readonly Form[]>> = {
  letters: WITH_LETTERS,
  digit: [NIR],
  digits: WITH_DIGITS,
}

/** Throws at start when stdnum has no such check: a number that nobody can check must not be looked for. */
function form(country: string, name: string, pattern: string, alone: Form['alone'], exact?: RegExp, flags = ''): Form {
  const validator = stdnum[country]?.[name]
  if (!validator) throw new Error(`stdnum has no check ${country}.${name}`)
  return {
    country,
    pattern: new RegExp(`(?:${pattern})${END}`, `uy${flags}`),
    alone,
    check: (printed) => validator.validate(printed).isValid,
    ...(exact && { exact }),
  }
}
