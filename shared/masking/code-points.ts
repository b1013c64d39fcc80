/** Offsets in code points, as Python counts, to those in UTF-16 code units, as JavaScript does. Those outside the text are absent. One walk over the text. */
export function createOffsets(text: string, codePoints: readonly number[]): ReadonlyMap<number, number> {
  const offsets = new Map<number, number>()
  let codePoint = 0
  let at = 0
  for (const wanted of [...new Set(codePoints)].sort((a, b) => a - b)) {
    while (codePoint < wanted && at < text.length) {
      at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
      codePoint += 1
    }
    if (codePoint === wanted) offsets.set(wanted, at)
  }
  return offsets
}
