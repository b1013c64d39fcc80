import { clean } from './clean.ts'
import { decode } from './decode.ts'

const FENCE = /^ {0,3}(`{3,}|~{3,})/
const HIDDEN = [
  { open: /<!--/g, close: /-->/g },
  { open: /<script[\s>]/gi, close: /<\/script\s*>/gi },
  { open: /<style[\s>]/gi, close: /<\/style\s*>/gi },
]

/**
 * Markdown stays as it is written: it is readable, and quotes are found in it letter by letter. Comments, scripts and styles go, because no reader
 * ever sees them and a model would; inside a code fence they are what the reader sees, and stay.
 */
export function readMarkdown(bytes: Uint8Array): string {
  return splitByFences(clean(decode(bytes)))
    .map((part) => (part.fenced ? part.text : HIDDEN.reduce((text, span) => dropSpans(text, span), part.text)))
    .join('')
}

function splitByFences(text: string): { fenced: boolean; text: string }[] {
  const parts: { fenced: boolean; text: string }[] = []
  let partStart = 0
  let fence: string | undefined
  for (let lineStart = 0; lineStart < text.length; ) {
    const lineBreak = text.indexOf('\n', lineStart)
    const lineEnd = lineBreak === -1 ? text.length : lineBreak + 1
    const mark = FENCE.exec(text.slice(lineStart, lineStart + 80))?.[1]
    if (fence === undefined && mark !== undefined) {
      parts.push({ fenced: false, text: text.slice(partStart, lineStart) })
      partStart = lineStart
      fence = mark
    } else if (fence !== undefined && mark?.startsWith(fence)) {
      parts.push({ fenced: true, text: text.slice(partStart, lineEnd) })
      partStart = lineEnd
      fence = undefined
    }
    lineStart = lineEnd
  }
  parts.push({ fenced: fence !== undefined, text: text.slice(partStart) })
  return parts
}

/** Linear in the text: each search goes on where the last one ended. What is opened and never closed stays, since losing the rest would be worse. */
function dropSpans(text: string, span: { open: RegExp; close: RegExp }): string {
  const kept: string[] = []
  let position = 0
  while (position < text.length) {
    const start = find(span.open, text, position)
    const end = start && find(span.close, text, start.end)
    if (!start || !end) break
    kept.push(text.slice(position, start.start))
    position = end.end
  }
  kept.push(text.slice(position))
  return kept.join('')
}

function find(pattern: RegExp, text: string, from: number): { start: number; end: number } | undefined {
  pattern.lastIndex = from
  const match = pattern.exec(text)
  return match ? { start: match.index, end: match.index + match[0].length } : undefined
}
