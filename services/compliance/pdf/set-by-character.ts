/** More than any European alphabet has. */
const CHARACTERS_KNOWN_MAX = 4_000

/**
 * The library shapes every text anew, which takes most of the time of a table: identifiers are all different. Set character by character, each shaped once,
 * a text loses its kerning alone, since composed letters are one character each.
 */
export function setByCharacter(document: PDFKit.PDFDocument): void {
  const font = (document as unknown as { _font: { layout(text: string): Run } })._font
  const shape = font.layout.bind(font)
  const known = new Map<string, Run>()
  font.layout = (text) => {
    const run: Run = { glyphs: [], positions: [], advanceWidth: 0 }
    for (const character of text) {
      let one = known.get(character)
      if (!one) {
        if (known.size >= CHARACTERS_KNOWN_MAX) known.clear()
        one = shape(character)
        known.set(character, one)
      }
      for (const glyph of one.glyphs) run.glyphs.push(glyph)
      for (const position of one.positions) run.positions.push(position)
      run.advanceWidth += one.advanceWidth
    }
    return run
  }
}

interface Run {
  glyphs: unknown[]
  positions: unknown[]
  advanceWidth: number
}
