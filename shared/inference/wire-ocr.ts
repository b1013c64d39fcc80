import { z } from 'zod'
import { AppError } from '../contracts/errors.ts'
import type { OcrDocument, OcrReading } from './ocr.ts'
import type { ProviderResult } from './provider.ts'
import { dataUrl } from './wire-chat.ts'
import { invalid } from './wire-error.ts'
import { type AnswerSource, factsOf } from './wire-facts.ts'

export interface WireOcr {
  model: string
  document: Omit<OcrDocument, 'pages'>
  /** From 1. */
  pages?: readonly number[] | undefined
  signal: AbortSignal
}

/** What Mistral takes in one request. */
const DOCUMENT_BYTES_MAX = 50 * 1024 * 1024

/** The body of Mistral's `POST /v1/ocr`. The document goes inline: the Files API is not served in the EU region. Its pages count from 0. */
export function ocrBody({ model, document, pages }: WireOcr) {
  if (document.bytes.byteLength > DOCUMENT_BYTES_MAX) throw new AppError('MODEL_REFUSED', `more than ${DOCUMENT_BYTES_MAX} bytes to read`)
  const url = dataUrl(document)
  return {
    model,
    document: document.mediaType.startsWith('image/')
      ? { type: 'image_url', image_url: { url } }
      : { type: 'document_url', document_url: url },
    include_image_base64: false,
    ...(pages && { pages: pages.map((number) => number - 1) }),
  }
}

const OcrResponse = z.object({
  model: z.string().nullish(),
  pages: z.array(z.object({ index: z.int().min(0), markdown: z.string() })),
  usage_info: z.object({ pages_processed: z.int().min(0) }),
})

export function readOcr(data: unknown, source: AnswerSource): ProviderResult<OcrReading> {
  const parsed = OcrResponse.safeParse(data)
  if (!parsed.success) throw invalid('not an OCR response')
  const { pages, usage_info, model } = parsed.data
  return {
    value: { pages: pages.map(({ index, markdown }) => ({ number: index + 1, markdown })), pagesProcessed: usage_info.pages_processed },
    facts: factsOf({ model, pages: usage_info.pages_processed }, source),
  }
}
