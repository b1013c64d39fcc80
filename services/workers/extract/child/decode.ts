/**
 * Bytes to text: by the byte order mark (UTF-8, UTF-16), else UTF-8 when all of it is valid, else `label` (what the document says of itself),
 * else windows-1252, which decodes anything. The mark itself is dropped.
 */
export function decode(bytes: Uint8Array, label?: string): string {
  const marked = encodingByMark(bytes)
  if (marked) return new TextDecoder(marked).decode(bytes)
  return (
    decodeStrictly('utf-8', bytes) ??
    (label === undefined ? undefined : decodeStrictly(label, bytes)) ??
    new TextDecoder('windows-1252').decode(bytes)
  )
}

function encodingByMark(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be'
  return undefined
}

/** Undefined where a byte does not fit or the encoding is not known. */
function decodeStrictly(encoding: string, bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return undefined
    throw error
  }
}
