import { createHash } from 'node:crypto'

const WORDS = 'The archive opens at nine on Tuesdays and keeps every letter, invoice and contract of the last ten years. '
const noise = new Map<number, Buffer>()

/** The body of document `index`: never the same twice, always the same for its index. Even ones are text, odd ones begin like a PDF and cannot be compressed. */
export function bodyOf(index: number, bytes: number): Buffer {
  const body = Buffer.alloc(bytes, index % 2 === 0 ? WORDS : noiseOf(bytes))
  body.write(index % 2 === 0 ? `Document ${index}.\n` : `%PDF-1.7\n% ${index}\n`)
  return body
}

function noiseOf(bytes: number): Buffer {
  const made = noise.get(bytes) ?? createHash('shake256', { outputLength: bytes }).update('noise').digest()
  noise.set(bytes, made)
  return made
}
