// `pdf-parse` and nothing else, in one process: `load` reads files into memory, `parse` parses each of them once, one after the other.
import { readFile } from 'node:fs/promises'
import { PDFParse } from 'pdf-parse'
import { answerMessages } from '../answer.ts'

export type ParseRequest = { kind: 'load'; files: readonly string[] } | { kind: 'parse'; mode: ParseMode }
/** `document` asks for all pages in one call, `page` for one page after the other, as the product does. */
export type ParseMode = 'document' | 'page'
export const PARSE_MODES = ['document', 'page'] as const satisfies readonly ParseMode[]
export interface Parsed {
  wallMs: number
  documents: number
  pages: number
  characters: number
}

if (import.meta.main) serve()

function serve(): void {
  let loaded: Buffer[] = []
  answerMessages<ParseRequest, Parsed>(async (request) => {
    const startedAtMs = performance.now()
    if (request.kind === 'load') {
      loaded = await Promise.all(request.files.map((file) => readFile(file)))
      return { wallMs: performance.now() - startedAtMs, documents: loaded.length, pages: 0, characters: 0 }
    }
    let pages = 0
    let characters = 0
    for (const bytes of loaded) {
      const texts = await parsePdf(bytes, request.mode)
      pages += texts.length
      characters += texts.reduce((sum, text) => sum + text.length, 0)
    }
    return { wallMs: performance.now() - startedAtMs, documents: loaded.length, pages, characters }
  })
}

/** The text of each page. */
export async function parsePdf(bytes: Uint8Array, mode: ParseMode): Promise<string[]> {
  // A copy, because pdf.js takes the memory over.
  const parser = new PDFParse({ data: new Uint8Array(bytes) })
  try {
    if (mode === 'document') return (await parser.getText()).pages.map((page) => page.text)
    const texts: string[] = []
    for (let number = 1, pages = 1; number <= pages; number++) {
      const result = await parser.getText({ first: number, last: number })
      pages = result.total
      texts.push(result.pages[0]?.text ?? '')
    }
    return texts
  } finally {
    await parser.destroy()
  }
}
