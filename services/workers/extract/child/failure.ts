import type { Message } from '../message.ts'

type FailureCode = Extract<Message, { kind: 'failed' }>['code']

/** The document's own fault. Holds a code and nothing else, because the message would be the document's words. */
export class Failure extends Error {
  readonly code: FailureCode

  constructor(code: FailureCode) {
    super(code)
    this.code = code
  }
}

/**
 * Whether a library gave up because memory, string length or stack ran out. pdf.js repeats such an error as text in one of its own,
 * so the words of V8 are all that is left to go by.
 */
export function isExhaustion(message: string): boolean {
  return /Array buffer allocation failed|Invalid (?:typed )?array (?:buffer )?length|Invalid string length|Maximum call stack size exceeded|out of memory/i.test(
    message,
  )
}
