import { once } from 'node:events'
import { Readable } from 'node:stream'
import { createFilesystemBlobs } from '../../../shared/blobs/filesystem.ts'
import { errorCode } from '../../../shared/contracts/errors.ts'

/**
 * A process of its own for filesystem.test.ts: `limited-put.ts ROOT LOCATOR BYTES`. Puts that many bytes and prints the error code, or `stored`;
 * with BYTES `endless` it puts for ever, and prints `writing` when the store has asked for a second piece.
 */
const PIECE_BYTES = 64 * 1024
const [root = '', locator = '', amount = ''] = process.argv.slice(2)

async function* pieces(): AsyncGenerator<Buffer> {
  if (amount !== 'endless') {
    for (let left = Number(amount); left > 0; left -= PIECE_BYTES) yield Buffer.alloc(Math.min(left, PIECE_BYTES), 'x')
    return
  }
  yield Buffer.alloc(PIECE_BYTES, 'x')
  process.stdout.write('writing\n')
  process.stdin.resume()
  await once(process.stdin, 'end')
}

const outcome = await createFilesystemBlobs(root)
  .put(locator, Readable.from(pieces(), { highWaterMark: 1 }))
  .then(() => 'stored', errorCode)
process.stdout.write(`${outcome}\n`)
