/** A tag up to its end; an attribute that holds `<` or `>` cuts it short, which an estimate may. Never looks past the next `<`, so it is linear. */
const TAG = /<(\/?)([a-z][^\s/<>]*)([^<>]*)/gi
/** Elements without an end tag, or whose end tag may be left out (HTML Standard, 13.1.2): many of them in a row are not nested. */
const UNCLOSED = new Set(
  (
    'area base br col embed hr img input link meta param source track wbr ' +
    'html head body p li dt dd tr td th thead tbody tfoot colgroup caption option optgroup rp rt'
  ).split(' '),
)

/**
 * Whether elements seem to be nested deeper than `depthMax`. The parser's work grows with the square of the depth (12 s for 100,000 levels, 1 MB),
 * so this is asked before it starts. An estimate: far above what can be read, and only for what no reader could take.
 */
export function nestsDeeper(html: string, depthMax: number): boolean {
  let depth = 0
  for (const [, slash, name = '', rest = ''] of html.matchAll(TAG)) {
    if (UNCLOSED.has(name.toLowerCase()) || rest.endsWith('/')) continue
    depth = Math.max(0, depth + (slash ? -1 : 1))
    if (depth > depthMax) return true
  }
  return false
}
