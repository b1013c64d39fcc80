import type { Readable } from 'node:stream'
import { CliError } from './cli-error.ts'
import { EXIT } from './exit-codes.ts'

const STDIN_BYTES_MAX = 64 * 1024

/** All of standard input as UTF-8. What names people belongs here: a command line is seen by every process of the machine, and kept by shells. */
export async function readStdin(stdin: Readable): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stdin) {
    const part = Buffer.from(chunk)
    bytes += part.length
    if (bytes > STDIN_BYTES_MAX) throw new CliError('USAGE', `standard input has more than ${STDIN_BYTES_MAX} bytes`, EXIT.usage)
    chunks.push(part)
  }
  return Buffer.concat(chunks).toString('utf8')
}
