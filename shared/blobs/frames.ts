import { createCipheriv, createDecipheriv } from 'node:crypto'
import { Transform } from 'node:stream'
import { AppError } from '../contracts/errors.ts'

/**
 * AES-256-GCM over a stream: the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár (CRYPTO 2015, eprint 2015/189).
 * Plain text is cut into frames of 64 KiB, only the last may be shorter. The nonce of a frame is prefix (7 bytes), counter (4), last flag (1):
 * a frame opens only in its own place, so truncating, reordering, repeating and appending are detected.
 */
export interface FrameCipher {
  /** 32 bytes, used for one stream only. */
  key: Buffer
  /** 7 random bytes. */
  noncePrefix: Buffer
  /** Authenticated with every frame. */
  associated: Buffer
}

export const NONCE_PREFIX_BYTES = 7
const FRAME_BYTES = 64 * 1024
const TAG_BYTES = 16
const FRAMES_MAX = 2 ** 32

/** Plain bytes in, frames out. `onPlain` sees each piece of plain text in order; the buffer is reused afterwards. Holds one frame. */
export function sealFrames(cipher: FrameCipher, onPlain: (plain: Buffer) => void): Transform {
  return inBlocks(FRAME_BYTES, (plain, index, last) => {
    onPlain(plain)
    const gcm = createCipheriv('aes-256-gcm', cipher.key, nonce(cipher, index, last), { authTagLength: TAG_BYTES }).setAAD(
      cipher.associated,
    )
    return Buffer.concat([gcm.update(plain), gcm.final(), gcm.getAuthTag()])
  })
}

/** Frames in, plain bytes out, each frame only after its tag was checked. Fails with AppError DECRYPTION_FAILED. Holds one frame. */
export function openFrames(cipher: FrameCipher): Transform {
  return inBlocks(FRAME_BYTES + TAG_BYTES, (frame, index, last) => {
    if (frame.length < TAG_BYTES) throw new AppError('DECRYPTION_FAILED')
    const gcm = createDecipheriv('aes-256-gcm', cipher.key, nonce(cipher, index, last), { authTagLength: TAG_BYTES })
    gcm.setAAD(cipher.associated).setAuthTag(frame.subarray(-TAG_BYTES))
    const plain = gcm.update(frame.subarray(0, -TAG_BYTES))
    try {
      gcm.final()
    } catch (cause) {
      throw new AppError('DECRYPTION_FAILED', undefined, { cause })
    }
    return plain
  })
}

function nonce({ noncePrefix }: FrameCipher, index: number, last: boolean): Buffer {
  if (index >= FRAMES_MAX) throw new AppError('DOCUMENT_TOO_LARGE')
  const tail = Buffer.alloc(5)
  tail.writeUInt32BE(index)
  tail[4] = last ? 1 : 0
  return Buffer.concat([noncePrefix, tail])
}

/**
 * Regroups a byte stream into blocks of one size. A full block is held back until a further byte shows that it is not the last;
 * the last one may be shorter, and is empty when the stream is. `handle` must copy what it keeps.
 */
function inBlocks(blockBytes: number, handle: (block: Buffer, index: number, last: boolean) => Buffer): Transform {
  const block = Buffer.allocUnsafeSlow(blockBytes)
  let filled = 0
  let index = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        for (let taken = 0; taken < chunk.length; ) {
          if (filled === blockBytes) {
            this.push(handle(block, index++, false))
            filled = 0
          }
          const copied = chunk.copy(block, filled, taken)
          filled += copied
          taken += copied
        }
        done()
      } catch (error) {
        done(asError(error))
      }
    },
    flush(done) {
      try {
        done(null, handle(block.subarray(0, filled), index, true))
      } catch (error) {
        done(asError(error))
      }
    },
  })
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new AppError('INTERNAL', undefined, { cause: error })
}
