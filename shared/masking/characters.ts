const ASCII_END = 0x80
const LETTER = /[\p{L}\p{M}]/u

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** Of any script. NaN, which charCodeAt gives outside the text, is none. */
export function isLetter(code: number): boolean {
  if (code < ASCII_END) return (code >= 97 && code <= 122) || (code >= 65 && code <= 90)
  return code >= ASCII_END && LETTER.test(String.fromCharCode(code))
}

export function isLetterOrDigit(code: number): boolean {
  return isDigit(code) || isLetter(code)
}

/** What a sticky expression matches at an offset, or null. */
export function matchAt(sticky: RegExp, text: string, at: number): RegExpExecArray | null {
  sticky.lastIndex = at
  return sticky.exec(text)
}
