import { MediaType } from '../../shared/contracts/document.ts'
import { AppError } from '../../shared/contracts/errors.ts'

/** How much of the start of a document `sniff` wants; a shorter document gives what it has. */
export const SNIFF_BYTES = 4_096
/** Readers accept junk before the header of a PDF, up to this far (ISO 32000-1, annex H.3, note 13). */
const PDF_HEADER_BYTES_MAX = 1_024
const HTML_SEARCH_CHARACTERS_MAX = 1_024

/** How each type that we read is declared, other than by itself. The first extension is the one that a download gets. */
export const FORMATS: Readonly<Record<MediaType, { extensions: readonly [string, ...string[]]; contentTypes: readonly string[] }>> = {
  'application/pdf': { extensions: ['pdf'], contentTypes: ['application/x-pdf'] },
  'text/markdown': { extensions: ['md', 'markdown'], contentTypes: ['text/x-markdown'] },
  'text/html': { extensions: ['html', 'htm', 'xhtml'], contentTypes: ['application/xhtml+xml'] },
  'text/plain': { extensions: ['txt', 'text', 'log', 'csv'], contentTypes: ['application/json', 'application/xml'] },
}

/** `foreign` is a format that we know by name and do not read. */
type Declared = MediaType | 'foreign' | 'nothing'

const FOREIGN_EXTENSIONS = [
  ...['doc', 'docx', 'xls', 'xlsx', 'ppt', 'pptx', 'odt', 'ods', 'odp', 'rtf', 'msg', 'epub'],
  ...['zip', 'gz', 'tar', '7z', 'exe', 'dll', 'jar'],
  ...['png', 'jpg', 'jpeg', 'gif', 'webp', 'tif', 'tiff', 'bmp', 'mp3', 'mp4', 'wav'],
]
/** What clients send when they were told nothing: curl's default for a raw body is the second. */
const EMPTY_CONTENT_TYPES = ['application/octet-stream', 'application/x-www-form-urlencoded', 'application/unknown', 'multipart/form-data']

const BY_EXTENSION = new Map<string, Declared>([
  ...FOREIGN_EXTENSIONS.map((extension) => [extension, 'foreign'] as const),
  ...MediaType.options.flatMap((type) => FORMATS[type].extensions.map((extension) => [extension, type] as const)),
])
const BY_CONTENT_TYPE = new Map<string, Declared>([
  ...EMPTY_CONTENT_TYPES.map((contentType) => [contentType, 'nothing'] as const),
  ...MediaType.options.flatMap((type) => [type, ...FORMATS[type].contentTypes].map((contentType) => [contentType, type] as const)),
])

/**
 * The type of a document by its first bytes and its name together; the declared content type counts where the name says nothing.
 * `head` holds the first SNIFF_BYTES, or the whole document when it is shorter.
 * Throws AppError EMPTY_DOCUMENT for no bytes, TYPE_MISMATCH where content and declaration contradict, UNSUPPORTED_TYPE for what we do not read.
 */
export function sniff(head: Buffer, hints: { fileName?: string; contentType?: string }): MediaType {
  if (head.length === 0) throw new AppError('EMPTY_DOCUMENT')
  const declared = declaredType(hints)
  const text = decodeText(head)
  switch (declared) {
    case 'application/pdf':
      if (!hasPdfHeader(head)) throw mismatch('declared as PDF, but there is no PDF header')
      return declared
    case 'text/markdown':
    case 'text/html':
    case 'text/plain':
      if (text === undefined || startsAsPdf(text)) throw mismatch(`declared as ${declared}, but the content is something else`)
      return declared
    case 'foreign':
      if (hasPdfHeader(head)) throw mismatch('the content is a PDF, but it is declared as something else')
      if (text !== undefined && !text.startsWith('{\\rtf')) throw mismatch('the content is text, but it is declared as something else')
      throw new AppError('UNSUPPORTED_TYPE', supported())
    case 'nothing':
      if (hasPdfHeader(head)) return 'application/pdf'
      if (text === undefined || text.startsWith('{\\rtf')) throw new AppError('UNSUPPORTED_TYPE', supported())
      return looksLikeHtml(text) ? 'text/html' : 'text/plain'
  }
}

function declaredType(hints: { fileName?: string; contentType?: string }): Declared {
  const extension = /\.([a-z0-9]+)\s*$/i.exec(hints.fileName ?? '')?.[1]?.toLowerCase()
  const byName = extension === undefined ? undefined : BY_EXTENSION.get(extension)
  if (byName !== undefined) return byName
  const contentType = hints.contentType?.split(';')[0]?.trim().toLowerCase()
  if (!contentType) return 'nothing'
  const byType = BY_CONTENT_TYPE.get(contentType)
  if (byType !== undefined) return byType
  return contentType.startsWith('text/') ? 'text/plain' : 'foreign'
}

function hasPdfHeader(head: Buffer): boolean {
  return head.subarray(0, PDF_HEADER_BYTES_MAX).includes('%PDF-')
}

/** A text may speak of `%PDF-`; a PDF begins a line with it. */
function startsAsPdf(text: string): boolean {
  return /(?:^|[\r\n])[ \t]*%PDF-\d/.test(text.slice(0, PDF_HEADER_BYTES_MAX))
}

function looksLikeHtml(text: string): boolean {
  return /^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*)*<(?:!doctype\s+html|html)[\s>]/i.test(text.slice(0, HTML_SEARCH_CHARACTERS_MAX))
}

/** The head as text, or undefined when it is none: UTF-16 by its byte order mark, else UTF-8, else a Latin-1-like code page. */
function decodeText(head: Buffer): string | undefined {
  const text = decodeAs(encodingByMark(head) ?? 'utf-8', head) ?? decodeAs('windows-1252', head)
  return text === undefined || hasControls(text) ? undefined : text
}

function encodingByMark(head: Buffer): 'utf-16le' | 'utf-16be' | undefined {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le'
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be'
  return undefined
}

function decodeAs(encoding: string, head: Buffer): string | undefined {
  try {
    // `stream`: the head may end in the middle of a character.
    return new TextDecoder(encoding, { fatal: true }).decode(head, { stream: true })
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

/** Tab, line ends, form feed and escape (colours in log files) belong to texts; no other control character does. */
function hasControls(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
  return /[\u0000-\u0008\u000e-\u001a\u001c-\u001f\u007f]/.test(text)
}

function mismatch(detail: string): AppError {
  return new AppError('TYPE_MISMATCH', detail)
}

function supported(): string {
  return `supported are ${MediaType.options.join(', ')}`
}
