import type { Page } from '../../../../shared/contracts/extraction.ts'
import { type ReadPage, readPages } from '../../../../shared/inference/builtin/reading.ts'

/** Texts as the pages of one document. */
export function pagesOf(...texts: string[]): Page[] {
  return texts.map((text, index) => ({ number: index + 1, method: 'plain', text, reason: null }))
}

export function readText(text: string): ReadPage {
  const [page] = readPages(pagesOf(text))
  if (!page) throw new Error('the text is empty')
  return page
}
