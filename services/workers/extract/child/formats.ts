import type { Page } from '../../../../shared/contracts/extraction.ts'

/** What reads a document, by its format. */
export interface Formats {
  readPdf(bytes: Uint8Array, pagesMax: number): AsyncGenerator<Page>
  readHtml(bytes: Uint8Array): string
  readMarkdown(bytes: Uint8Array): string
  readPlain(bytes: Uint8Array): string
}

/** Imports every reader, and reads a tiny PDF: pdf.js loads its larger half at the first document only. */
export async function loadFormats(): Promise<Formats> {
  const [pdf, html, markdown, plain] = await Promise.all([
    import('./pdf.ts'),
    import('./html.ts'),
    import('./markdown.ts'),
    import('./plain.ts'),
  ])
  await pdf.warmUp()
  return { readPdf: pdf.readPdf, readHtml: html.readHtml, readMarkdown: markdown.readMarkdown, readPlain: plain.readPlain }
}
