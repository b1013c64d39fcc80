import { detectAll } from 'tinyld'

/**
 * `tinyld` lets one rare group of letters (a name) outvote a whole paragraph: 8 % of XQuAD's English paragraphs went to another language in one piece,
 * 2 % by the votes of windows. UTF-16 code units.
 */
const WINDOW_LENGTH = 120

/** Windows are spread over the text; each takes about 0.2 ms, and this many tell a long text's language as well as twice as many. */
const WINDOWS_MAX = 10

/** Below this many letters it is a guess. */
const LETTERS_MIN = 12

/** Of all votes. Less than half means that several languages fit, or stand side by side. */
const SHARE_MIN = 0.5

/** Runner-up languages of a window vote too: related languages share most of their letters. */
const VOTES_PER_WINDOW = 2

/** Of the golden section: windows that lie so never keep step with pages that repeat their head. */
const GOLDEN = 0.618_033_988_749_895

/** The languages of Europe that `tinyld` knows: the others would only take votes away. */
const LANGUAGES = 'bg ca cs da de el en es et fi fr ga hr hu is it lt lv mt nl no pl pt ro ru sk sl sr sv tr uk'.split(' ')

/** ISO 639-1, or null when the text is too short or fits several languages. */
export function detectLanguage(text: string): string | null {
  const votes = new Map<string, number>()
  let total = 0
  for (const window of windows(text)) {
    for (const { lang, accuracy } of detectAll(window, { only: LANGUAGES }).slice(0, VOTES_PER_WINDOW)) {
      const vote = Math.min(accuracy, 1)
      votes.set(lang, (votes.get(lang) ?? 0) + vote)
      total += vote
    }
  }
  const [best] = [...votes].sort((a, b) => b[1] - a[1])
  return best && best[1] >= SHARE_MIN * total ? best[0] : null
}

/** Pieces of prose: a short text in order, of a long one WINDOWS_MAX places. */
function windows(text: string): string[] {
  const inOrder = Math.ceil(text.length / WINDOW_LENGTH)
  const long = inOrder > WINDOWS_MAX
  const pieces: string[] = []
  for (let at = 0; at < Math.min(inOrder, WINDOWS_MAX); at += 1) {
    const start = long ? Math.floor(((at * GOLDEN) % 1) * (text.length - WINDOW_LENGTH)) : at * WINDOW_LENGTH
    pieces.push(prose(text.slice(start, start + WINDOW_LENGTH)))
  }
  return pieces.filter((piece) => (piece.match(/\p{L}/gu)?.length ?? 0) >= LETTERS_MIN)
}

/** Without addresses of the web and of mail, numbers and codes: they are in no language. */
function prose(text: string): string {
  return text
    .replace(/\S*(?:[@\d]|:\/\/)\S*/g, ' ')
    .replace(/[^\p{L}\p{M}'’-]+/gu, ' ')
    .trim()
}
