import type { Evidence, ReadField } from '../../contracts/extraction.ts'

/** A list's item in one window of a document is numbered from here: no window claims so many (ITEMS_MAX of claims.ts). */
export const WINDOW_ORDINALS = 10_000

/** Items that are the same lie side by side once they are in order; so many before one are looked at. */
const NEIGHBOURS_MAX = 16

type Fields = Readonly<Record<string, ReadField>>
type Item = Record<string, ReadField>

/**
 * Lists in the order in which their items stand in the document, numbered from 0. Items come from windows that overlap, so that none is cut in two: those
 * whose evidence is the same are one item. Items without evidence come last, as they were claimed. Fields that are in no list stay as they are.
 */
export function orderLists(fields: Fields): Record<string, ReadField> {
  return reorder(fields, 0)
}

/** Numbers the lists at and below the `from`-th part of each path. */
function reorder(fields: Fields, from: number): Record<string, ReadField> {
  const ordered: Record<string, ReadField> = {}
  const lists = new Map<string, Map<string, Item>>()
  for (const [path, field] of Object.entries(fields)) {
    const parts = path.split('.')
    const at = ordinalAt(parts, from)
    if (!Number.isFinite(at)) {
      ordered[path] = field
      continue
    }
    const items = getOr(lists, parts.slice(0, at).join('.'), () => new Map<string, Item>())
    getOr(items, parts[at] ?? '', (): Item => ({}))[path] = field
  }
  for (const [list, items] of lists) {
    for (const [ordinal, item] of inOrder([...items.values()], list.split('.').length + 1).entries()) {
      const at = list.split('.').length
      const renumbered = Object.fromEntries(
        Object.entries(item).map(([path, field]) => {
          const parts = path.split('.')
          return [[...parts.slice(0, at), String(ordinal), ...parts.slice(at + 1)].join('.'), field]
        }),
      )
      Object.assign(ordered, reorder(renumbered, at + 1))
    }
  }
  return ordered
}

function inOrder(items: readonly Item[], from: number): Item[] {
  const placed = items.map((item, claimed) => ({ item, claimed, places: placesOf(item) }))
  placed.sort((a, b) => compare(a.places[0], b.places[0]) || a.claimed - b.claimed)
  const kept: { item: Item; named: Map<string, ReadField> }[] = []
  for (const { item } of placed) {
    const named = byName(item, from)
    const same = kept.slice(-NEIGHBOURS_MAX).find((other) => isSame(named, other.named))
    if (!same) kept.push({ item, named })
    // A window that ends in the middle of an item saw less of it.
    else if (named.size > same.named.size) Object.assign(same, { item, named })
  }
  return kept.map(({ item }) => item)
}

/** By the names inside the item: what two windows call `lines.3.price` and `lines.10000.price` is the same. */
function byName(item: Item, from: number): Map<string, ReadField> {
  return new Map(Object.entries(item).map(([path, field]) => [path.split('.').slice(from).join('.'), field]))
}

/** What both say stands at the same places and is the same, and something of it does stand somewhere. */
function isSame(a: ReadonlyMap<string, ReadField>, b: ReadonlyMap<string, ReadField>): boolean {
  let shared = 0
  for (const [name, field] of a) {
    const other = b.get(name)
    if (!other) continue
    const [here, there] = [field.evidence[0], other.evidence[0]]
    if (field.value !== other.value || (here && there && compare(here, there) !== 0)) return false
    if (here && there) shared++
  }
  return shared > 0
}

function placesOf(item: Item): Evidence[] {
  return Object.values(item)
    .flatMap(({ evidence }) => evidence.slice(0, 1))
    .sort(compare)
}

function compare(a: Evidence | undefined, b: Evidence | undefined): number {
  if (!a || !b) return Number(!a) - Number(!b)
  return a.page - b.page || a.start - b.start
}

/** The first part from `from` on that is a number; Infinity where there is none. */
function ordinalAt(parts: readonly string[], from: number): number {
  const at = parts.findIndex((part, index) => index >= from && /^\d+$/.test(part))
  return at < 0 ? Number.POSITIVE_INFINITY : at
}

function getOr<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
