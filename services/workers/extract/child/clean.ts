/** Text as every page of Greffier holds it: `\n` line ends, no control characters but `\n` and `\t`, no lone surrogates (JSON and PostgreSQL refuse both). */
export function clean(text: string): string {
  return (
    text
      // A form feed or vertical tab separates lines: dropping it would glue two words together.
      .replace(/\r\n?|[\f\v]/g, '\n')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
      .replace(/[\u0000-\u0008\u000e-\u001f]/g, '')
      .toWellFormed()
  )
}
