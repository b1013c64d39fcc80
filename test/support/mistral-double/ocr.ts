import type { JsonSchema } from './minimal-value.ts'
import { requestedSchema } from './requested-schema.ts'

export interface ReadDocument {
  mediaType: string
  bytes: Buffer
}

/** The Markdown of each page; undefined leaves a document to the double. */
export type ReadHook = (document: ReadDocument) => readonly string[] | undefined

interface OcrRequest {
  model: string
  document: { document_url?: string; image_url?: string | { url: string } }
  pages?: string | readonly number[] | null
  document_annotation_format?: { json_schema?: { schema: JsonSchema } | null } | null
  table_format?: string | null
  extract_header?: boolean
  extract_footer?: boolean
  include_blocks?: boolean
  confidence_scores_granularity?: string | null
}

/** The document of a request that carries one in a data URL; null for one that stands elsewhere: the double fetches nothing. */
export function documentOf(body: Record<string, unknown>): ReadDocument | null {
  const { document } = body as unknown as OcrRequest
  const image = document.image_url
  const url = document.document_url ?? (typeof image === 'object' ? image.url : image)
  const found = /^data:([\w.+-]+\/[\w.+-]+)?((?:;[\w-]+=[\w.-]+)*);base64,([A-Za-z0-9+/]*={0,2})$/.exec(url ?? '')
  return found ? { mediaType: found[1] ?? 'text/plain', bytes: Buffer.from(found[3] ?? '', 'base64') } : null
}

/** An answer of `/v1/ocr`. */
export function ocr(body: Record<string, unknown>, document: ReadDocument, hook: ReadHook | undefined): Record<string, unknown> {
  const request = body as unknown as OcrRequest
  const texts = hook?.(document) ?? defaultPages(document)
  const wanted = pagesWanted(request.pages)
  const pages = texts.map((markdown, index) => page(request, markdown, index)).filter(({ index }) => !wanted || wanted.has(index))
  const annotation = request.document_annotation_format?.json_schema?.schema
  return {
    pages,
    model: `${request.model}-0001`,
    document_annotation: annotation ? JSON.stringify(requestedSchema(annotation).minimal()) : null,
    usage_info: { pages_processed: pages.length, doc_size_bytes: document.bytes.length },
  }
}

const DIMENSIONS = { dpi: 200, height: 2_200, width: 1_700 }

function page(request: OcrRequest, markdown: string, index: number) {
  return {
    index,
    markdown,
    images: [],
    tables: [],
    hyperlinks: [],
    header: null,
    footer: null,
    dimensions: DIMENSIONS,
    ...(request.include_blocks && { blocks: [block(markdown)] }),
    ...(request.confidence_scores_granularity && { confidence_scores: scores(request.confidence_scores_granularity, markdown) }),
  }
}

function block(content: string) {
  return { type: 'text', top_left_x: 0, top_left_y: 0, bottom_right_x: DIMENSIONS.width, bottom_right_y: DIMENSIONS.height, content }
}

function scores(granularity: string, markdown: string) {
  const words = [...markdown.matchAll(/\S+/g)].map((word) => ({ text: word[0], confidence: 1, start_index: word.index }))
  return {
    average_page_confidence_score: 1,
    minimum_page_confidence_score: 1,
    ...(granularity === 'word' && { word_confidence_scores: words }),
  }
}

/** Text as it is, with its form feeds as ends of pages; of anything else how many pages it seems to have. */
function defaultPages({ mediaType, bytes }: ReadDocument): string[] {
  if (mediaType.startsWith('text/')) return bytes.toString('utf8').split('\f')
  const count = mediaType === 'application/pdf' ? (bytes.toString('latin1').match(/\/Type\s*\/Page(?![A-Za-z])/g)?.length ?? 1) : 1
  return Array.from({ length: count }, (_, index) => `# Page ${index + 1}\n\nA page of a document of ${bytes.length} bytes.`)
}

/** Numbers from 0, as a list or as in `0-2,4`; undefined for all. */
function pagesWanted(pages: OcrRequest['pages']): Set<number> | undefined {
  if (pages === null || pages === undefined) return undefined
  if (typeof pages !== 'string') return new Set(pages)
  return new Set(
    pages.split(',').flatMap((range) => {
      const [first = 0, last = first] = range.split('-').map(Number)
      return Array.from({ length: last - first + 1 }, (_, step) => first + step)
    }),
  )
}
