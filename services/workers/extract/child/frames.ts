/**
 * What the parent writes to a child's standard input: frames of four bytes (length, big-endian) and that many bytes.
 * For each document the first frame is the task as JSON, the following are its bytes, an empty frame ends it. The pipe stays open behind it:
 * its end means that the parent is gone, so a document cut short can't pass for a whole one.
 */
const HEADER_BYTES = 4
const PAYLOAD_BYTES_MAX = 0xffff_ffff

export const END_OF_DOCUMENT = Buffer.alloc(HEADER_BYTES)

/** The length of `payload`, as it goes before it. */
export function frameHeader(payload: Uint8Array): Buffer {
  if (payload.length > PAYLOAD_BYTES_MAX) throw new RangeError('a frame holds at most 4 GiB')
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32BE(payload.length)
  return header
}

/** Takes the bytes of the pipe as they come and calls back for each frame, which may come in several parts. */
export function createFrameReader(on: {
  part(part: Buffer): void
  end(frame: 'task' | 'document_part' | 'document'): void
}): (bytes: Buffer) => void {
  let header = Buffer.alloc(0)
  let missingBytes = 0
  let frames = 0
  return (bytes) => {
    let rest = bytes
    while (rest.length > 0) {
      if (missingBytes === 0) {
        const taken = rest.subarray(0, HEADER_BYTES - header.length)
        header = Buffer.concat([header, taken])
        rest = rest.subarray(taken.length)
        if (header.length < HEADER_BYTES) return
        missingBytes = header.readUInt32BE()
        header = Buffer.alloc(0)
        if (missingBytes === 0) {
          frames = 0
          on.end('document')
        }
        continue
      }
      const part = rest.subarray(0, missingBytes)
      rest = rest.subarray(part.length)
      missingBytes -= part.length
      on.part(part)
      if (missingBytes === 0) on.end(frames++ === 0 ? 'task' : 'document_part')
    }
  }
}
