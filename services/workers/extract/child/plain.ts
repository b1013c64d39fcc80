import { clean } from './clean.ts'
import { decode } from './decode.ts'

export function readPlain(bytes: Uint8Array): string {
  return clean(decode(bytes))
}
