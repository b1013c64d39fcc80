// A child whose reader of Markdown does what the document says, as a parser with a hole would. The document is a key of ATTACKS.
import { loadFormats, onePage } from '../../../../services/workers/extract/child/formats.ts'
import { serve } from '../../../../services/workers/extract/child/serve.ts'

let documents = 0
const arrayIterator = Object.getPrototypeOf([].values())
const typedArray = Object.getPrototypeOf(Uint8Array.prototype)

/** Each returns the text of its page. */
const ATTACKS: Record<string, () => unknown> = {
  'process id': () => process.pid,
  'be read only as the first': () => (documents === 1 ? 'read' : fail()),
  fail,
  'add to Object.prototype': () => Reflect.set(Object.prototype, 'polluted', true),
  'add to an iterator': () => Reflect.set(arrayIterator, 'polluted', true),
  'add a global': () => Reflect.set(globalThis, 'polluted', true),
  'replace String.prototype.replace': () => Reflect.set(String.prototype, 'replace', () => 'forged'),
  'replace Array.prototype.join': () => Reflect.set(Array.prototype, 'join', () => 'forged'),
  'replace a method of all typed arrays': () => Reflect.set(typedArray, 'set', () => undefined),
  'replace TextDecoder': () =>
    Reflect.set(
      globalThis,
      'TextDecoder',
      class {
        decode = () => 'forged'
      },
    ),
  'replace a method of TextDecoder': () => Reflect.set(TextDecoder.prototype, 'decode', () => 'forged'),
  'replace Buffer': () => Reflect.set(globalThis, 'Buffer', { alloc: Buffer.alloc, concat: forgedConcat }),
}

const concat = Buffer.concat

/** Forges what comes in one part: the task. */
function forgedConcat(parts: Buffer[]) {
  return parts.length === 1 ? '{"media_type":"text/plain"}' : concat(parts)
}

function fail(): never {
  throw new Error('the reader gave up')
}

await serve(async () => ({
  ...(await loadFormats()),
  'text/markdown': onePage('markdown', (bytes) => {
    documents++
    return String(ATTACKS[new TextDecoder().decode(bytes)]?.())
  }),
}))
