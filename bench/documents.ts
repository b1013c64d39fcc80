import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import PdfDocument from 'pdfkit'
import { SECURITY_POLICY } from '../samples/content/security-policy.ts'
import { SUPPORT_MANUAL } from '../samples/content/support-manual.ts'

/** What an A4 page of running text at 10 points holds. */
const PAGE_WORDS = 420
const PARAGRAPH_SENTENCES = 5

/** A document that says the same at every run. `word` stands on its last page and in no other document. */
export interface BenchDocument {
  name: string
  mediaType: 'application/pdf' | 'text/plain'
  bytes: Buffer
  pages: number
  word: string
}

export async function makePdfs(count: number, pages: number): Promise<BenchDocument[]> {
  const documents: BenchDocument[] = []
  for (let number = 1; number <= count; number++) documents.push(await makePdf(number, pages))
  return documents
}

/** Text of the length of so many pages; it is one page all the same. */
export function makeText(number: number, length = 1): BenchDocument {
  const word = wordOf(number, length)
  const bytes = Buffer.from(pagesOfText(number, length, word).join('\n'))
  return { name: `text-${number}.txt`, mediaType: 'text/plain', bytes, pages: 1, word }
}

/** Writes them to a folder, for processes that read them from there. */
export function writeDocuments(folder: string, documents: readonly BenchDocument[]): string[] {
  mkdirSync(folder, { recursive: true })
  return documents.map(({ name, bytes }) => {
    const path = join(folder, name)
    writeFileSync(path, bytes)
    return path
  })
}

async function makePdf(number: number, pages: number): Promise<BenchDocument> {
  const word = wordOf(number, pages)
  const pdf = new PdfDocument({ size: 'A4', margin: 56, autoFirstPage: false, info: { CreationDate: new Date(0), ModDate: new Date(0) } })
  const parts: Buffer[] = []
  pdf.on('data', (part: Buffer) => parts.push(part))
  const ended = once(pdf, 'end')
  for (const [index, text] of pagesOfText(number, pages, word).entries()) {
    pdf.addPage()
    pdf
      .font('Helvetica-Bold')
      .fontSize(13)
      .text(`Report ${number}, part ${index + 1}`)
      .moveDown()
    pdf.font('Helvetica').fontSize(10).text(text, { paragraphGap: 6 })
  }
  pdf.end()
  await ended
  return { name: `pages-${pages}-${number}.pdf`, mediaType: 'application/pdf', bytes: Buffer.concat(parts), pages, word }
}

/** Letters alone: what holds a digit may be read as an amount or a number of something. */
function wordOf(number: number, pages: number): string {
  return `quill${(number * 1_000 + pages).toString(26).replace(/\d/g, (digit) => 'qrstuvwxyz'.charAt(Number(digit)))}`
}

function pagesOfText(number: number, pages: number, word: string): string[] {
  const random = randomFrom(number * 1_000 + pages)
  return Array.from({ length: pages }, (_, index) => pageOfText(random, index + 1 === pages ? `The reference is ${word}. ` : ''))
}

function pageOfText(random: () => number, opening: string): string {
  let text = opening
  for (let sentences = 1, words = 0; words < PAGE_WORDS; sentences++) {
    const sentence = SENTENCES[Math.floor(random() * SENTENCES.length)] ?? ''
    words += sentence.split(' ').length
    // Numbers differ from page to page, so that no two documents hold the same sentences.
    text += sentence.replace(/\d+/g, () => String(1 + Math.floor(random() * 999))) + (sentences % PARAGRAPH_SENTENCES === 0 ? '\n' : ' ')
  }
  return text
}

/** The running text of two samples, in English: what extraction, rules and tokens meet in real documents. */
const SENTENCES = [
  ...SUPPORT_MANUAL.split('\n').filter((line) => /^[A-Z-]/.test(line)),
  ...[...SECURITY_POLICY.matchAll(/<(p|li)>([^<]+)<\/\1>/g)].map(([, , text]) => text ?? ''),
]
  .flatMap((paragraph) =>
    paragraph
      .replace(/\s+/g, ' ')
      .replaceAll('**', '')
      .split(/(?<=[.!?]) /),
  )
  .map((sentence) => sentence.replace(/^- /, '').trim())
  .filter((sentence) => sentence.split(' ').length >= 6)

/** Mulberry32 (public domain, T. Ettinger): the same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
