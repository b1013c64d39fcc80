import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'
import type { Page } from '../../../../shared/contracts/extraction.ts'
import { clean } from './clean.ts'
import { Failure, isExhaustion } from './failure.ts'

// pdf.js asks for these at import and takes them from a native addon, which this process may not load. Only drawing uses them.
for (const name of ['DOMMatrix', 'ImageData', 'Path2D'])
  Object.defineProperty(globalThis, name, { value: class {}, writable: true, configurable: true })
const { PasswordException, PDFParse, VerbosityLevel } = await import('pdf-parse')

const pdfJs = dirname(createRequire(import.meta.resolve('pdf-parse')).resolve('pdfjs-dist/package.json'))
const PDF_JS_OPTIONS = {
  // Without them texts in Chinese, Japanese and Korean, and the widths of fonts that the file leaves out, are guesses.
  cMapUrl: join(pdfJs, 'cmaps') + sep,
  cMapPacked: true,
  standardFontDataUrl: join(pdfJs, 'standard_fonts') + sep,
  useSystemFonts: false,
  disableFontFace: true,
  isEvalSupported: false,
  useWasm: false,
  // Warnings are read below, never shown: pdf.js says there what it gave up.
  verbosity: VerbosityLevel.WARNINGS,
}

/**
 * The pages of a PDF, one by one. Throws Failure PDF_ENCRYPTED where a password is needed to open it, EXTRACTION_LIMIT for more than `pagesMax` pages
 * or exhausted memory, DOCUMENT_UNREADABLE where pdf.js finds no way to read it or one of its pages.
 */
export async function* readPdf(bytes: Uint8Array, pagesMax: number): AsyncGenerator<Page> {
  // Before parsing, which takes the bytes over.
  const reason = drawsImages(bytes) ? 'image_only' : 'empty'
  const warnings = watchWarnings()
  const parser = new PDFParse({ data: bytes, ...PDF_JS_OPTIONS })
  try {
    let pages = 1
    for (let number = 1; number <= pages; number++) {
      const result = await parser.getText({ first: number, last: number })
      pages = result.total
      if (pages > pagesMax || warnings.exhausted()) throw new Failure('EXTRACTION_LIMIT')
      const text = clean(result.pages[0]?.text ?? '')
      yield /\S/.test(text) ? { number, method: 'pdf_text', text, reason: null } : { number, method: 'no_text', text: '', reason }
    }
  } catch (error) {
    throw error instanceof Failure ? error : new Failure(classify(error))
  } finally {
    await parser.destroy()
  }
}

/** Reads a page of our own, so that the code for the first real one is loaded and compiled. */
export async function warmUp(): Promise<void> {
  const parser = new PDFParse({ data: new TextEncoder().encode(TINY_PDF), ...PDF_JS_OPTIONS, verbosity: VerbosityLevel.ERRORS })
  await parser.getText()
  await parser.destroy()
}

const TINY_PDF = `%PDF-1.4
1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj
2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj
3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >> endobj
4 0 obj << /Length 27 >> stream
BT /F 9 Tf (warm up) Tj ET
endstream endobj
5 0 obj << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> endobj
trailer << /Root 1 0 R >>
`

function classify(error: unknown): Failure['code'] {
  if (error instanceof PasswordException) return 'PDF_ENCRYPTED'
  return error instanceof Error && isExhaustion(error.message) ? 'EXTRACTION_LIMIT' : 'DOCUMENT_UNREADABLE'
}

/**
 * Whether the file holds image objects at all. An image is a stream, and the dictionary of a stream is never compressed or encrypted (ISO 32000-1, 7.5.7),
 * so a search of the bytes finds it, where asking pdf.js would decode every scan. It answers for the file, not for the page, and misses inline images.
 */
function drawsImages(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = buffer.indexOf('/Subtype'); at !== -1; at = buffer.indexOf('/Subtype', at + 1)) {
    if (/^\/Subtype\s*\/Image\b/.test(buffer.toString('latin1', at, at + 40))) return true
  }
  return false
}

/** pdf.js leaves out what it can't read and goes on. When memory was what it lacked, the page only looks empty. */
function watchWarnings(): { exhausted(): boolean } {
  let exhausted = false
  const listen = (...words: unknown[]) => {
    exhausted ||= isExhaustion(words.join(' '))
  }
  Object.assign(globalThis.console, { log: listen, warn: listen })
  return { exhausted: () => exhausted }
}
