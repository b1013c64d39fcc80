import { compile, type FormatCallback, type HtmlToTextOptions } from 'html-to-text'
import { clean } from './clean.ts'
import { decode } from './decode.ts'
import { Failure } from './failure.ts'
import { nestsDeeper } from './nesting.ts'

/** Deeper than any document that somebody wrote; the converter recurses, and the stack of V8 ends between 1,200 and 3,000. */
const DEPTH_MAX = 1_000
/** The parser is not started above this; between the two the converter finds out how deep it really is. */
const DEPTH_ESTIMATE_MAX = 10_000
/** Stands where the converter stops at DEPTH_MAX. `clean` takes it from the input, so it can't come from there. */
const CUT_MARK = '\u0000'
const CHARSET_SEARCH_BYTES = 1_024

const NEVER_SHOWN = ['title', 'script', 'style', 'noscript', 'template', 'iframe', 'object', 'datalist']
const HIDDEN = [
  '[hidden]',
  '[style*="display:none"i]',
  '[style*="display: none"i]',
  '[style*="visibility:hidden"i]',
  '[style*="visibility: hidden"i]',
]
const BLOCKS = [
  'hr',
  'dl',
  'dt',
  'dd',
  'fieldset',
  'legend',
  'figure',
  'figcaption',
  'details',
  'summary',
  'address',
  'caption',
  'tr',
  'option',
]
const HEADINGS = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6']

/** What a cell adds: a tab before the next one, as the text of a PDF has it. */
const formatCell: FormatCallback = (element, walk, builder) => {
  walk(element.children, builder)
  builder.addLiteral('\t')
}

const formatImage: FormatCallback = (element, _walk, builder) => builder.addInline(element.attribs?.alt ?? '')

const oneBreak = { leadingLineBreaks: 1, trailingLineBreaks: 1 }
// `head` is not dropped as a whole: HTML lets its end tag be left out, the parser then puts the body into it.
const OPTIONS: HtmlToTextOptions = {
  wordwrap: false,
  baseElements: { selectors: [] },
  limits: { maxDepth: DEPTH_MAX, ellipsis: CUT_MARK, maxInputLength: Number.MAX_SAFE_INTEGER },
  formatters: { cell: formatCell, alternative: formatImage },
  selectors: [
    { selector: 'a', options: { ignoreHref: true } },
    { selector: 'img', format: 'alternative' },
    { selector: 'ul', options: { itemPrefix: '- ' } },
    { selector: 'table', format: 'block', options: { leadingLineBreaks: 2, trailingLineBreaks: 2 } },
    ...['td', 'th'].map((selector) => ({ selector, format: 'cell' })),
    ...BLOCKS.map((selector) => ({ selector, format: 'block', options: oneBreak })),
    ...HEADINGS.map((selector) => ({ selector, options: { uppercase: false, leadingLineBreaks: 2, trailingLineBreaks: 1 } })),
    ...[...NEVER_SHOWN, ...HIDDEN].map((selector) => ({ selector, format: 'skip' })),
  ],
}

const convert = compile(OPTIONS)

/**
 * What a reader of the page would see, tables as rows with tabs between the cells. Scripts are never run and nothing is fetched.
 * Throws Failure EXTRACTION_LIMIT for elements nested deeper than DEPTH_MAX, because text below it would be lost.
 */
export function readHtml(bytes: Uint8Array): string {
  const html = clean(decode(bytes, declaredCharset(bytes)))
  if (nestsDeeper(html, DEPTH_ESTIMATE_MAX)) throw new Failure('EXTRACTION_LIMIT')
  const text = convert(html)
  if (text.includes(CUT_MARK)) throw new Failure('EXTRACTION_LIMIT')
  return clean(text).replace(/[ \t]+$/gm, '')
}

/** `<meta charset>` or its older form, within the first kilobyte (HTML Standard, 13.2.3.2). */
function declaredCharset(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.subarray(0, CHARSET_SEARCH_BYTES)).toString('latin1')
  return /<meta[^>]+charset\s*=\s*["']?([\w:-]{1,40})/i.exec(start)?.[1]
}
