import type { ProviderResult } from './provider.ts'

export interface OcrDocument {
  bytes: Uint8Array
  /** `application/pdf`, another document, or an image. */
  mediaType: string
  /** From 1, as everywhere here; all of them when left out. */
  pages?: readonly number[]
}

export interface OcrPage {
  /** From 1. */
  number: number
  markdown: string
}

export interface OcrReading {
  pages: OcrPage[]
  /** What is billed. */
  pagesProcessed: number
}

/** Throws as the methods of Provider do. */
export type ReadPages = (document: OcrDocument, signal: AbortSignal) => Promise<ProviderResult<OcrReading>>
