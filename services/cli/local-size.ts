import { extname } from 'node:path'
import type { EstimatedDocument } from '../../shared/contracts/cost.ts'
import type { MediaType } from '../../shared/contracts/document.ts'
import { openLocalFile } from './local-file.ts'

/** Of a larger PDF only its size counts. */
const READ_BYTES_MAX = 32 * 1024 * 1024
const HEADER_BYTES = 1_024
const TYPES: Readonly<Record<string, MediaType>> = {
  '.pdf': 'application/pdf',
  '.md': 'text/markdown',
  '.markdown': 'text/markdown',
  '.html': 'text/html',
  '.htm': 'text/html',
  '.xhtml': 'text/html',
}

/**
 * As much of a file as can be known without reading it properly: its size, its type by name or header, and the pages of a PDF where they stand in it
 * uncompressed (ISO 32000-1, 7.7.3.3); an edited PDF may hold old pages too. Throws CliError.
 */
export async function sizeOfLocalFile(path: string): Promise<EstimatedDocument> {
  const { bytes } = await openLocalFile(path)
  const head = await textOf(bytes.slice(0, HEADER_BYTES))
  const media_type = TYPES[extname(path).toLowerCase()] ?? (head.includes('%PDF-') ? 'application/pdf' : 'text/plain')
  if (media_type !== 'application/pdf' || bytes.size > READ_BYTES_MAX) return { bytes: bytes.size, media_type }
  const pages = (await textOf(bytes)).match(/\/Type\s*\/Page(?![A-Za-z])/g)?.length
  return { bytes: bytes.size, media_type, ...(pages && { pages }) }
}

/** Each byte as one character. */
async function textOf(blob: Blob): Promise<string> {
  return Buffer.from(await blob.arrayBuffer()).toString('latin1')
}
