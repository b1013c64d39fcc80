import type { MediaType } from '../../../../shared/contracts/document.ts'
import type { Page } from '../../../../shared/contracts/extraction.ts'

type ReadPages = (bytes: Uint8Array, pagesMax: number) => AsyncIterable<Page>

/** What reads a document. Readers throw Failure (failure.ts). */
export type Formats = Readonly<Record<MediaType, ReadPages>>

/** Imports every reader, and reads a tiny PDF: pdf.js loads its larger half at the first document only. */
export async function loadFormats(): Promise<Formats> {
  const [pdf, html, markdown, plain] = await Promise.all([
    import('./pdf.ts'),
    import('./html.ts'),
    import('./markdown.ts'),
    import('./plain.ts'),
  ])
  await pdf.warmUp()
  return {
    'application/pdf': pdf.readPdf,
    'text/markdown': onePage('markdown', markdown.readMarkdown),
    'text/html': onePage('html', html.readHtml),
    'text/plain': onePage('plain', plain.readPlain),
  }
}

/** A format without pages is one. */
export function onePage(method: Exclude<Page['method'], 'no_text'>, readText: (bytes: Uint8Array) => string): ReadPages {
  return async function* (bytes) {
    const text = readText(bytes)
    yield /\S/.test(text) ? { number: 1, method, text, reason: null } : { number: 1, method: 'no_text', text: '', reason: 'empty' }
  }
}
