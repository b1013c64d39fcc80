import type { Evidence, Field } from '../../contracts/extraction.ts'

/** A list's item in one window of a document is numbered from here: no window claims so many. */
export const WINDOW_ORDINALS = 100_000

type Fields = Readonly<Record<string, Field>>
type Item = Record<string, Field>

/**
 * Lists in the order in which their items stand in the document, numbered from 0. Items come from windows that overlap, so that none is cut in two: those
 * whose evidence is the same are one item. Items without evidence come last, as they were claimed. Fields that are in no list stay as they are.
 */
export function orderLists(fields: Fields): Record<string, Field> {
  return reorder(fields, 0)
}

/** Numbers the lists at and below the `from`-th part of each path. */
function reorder(fields: Fields, from: number): Record<string, Field> {
  const ordered: Record<string, Field> = {}
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
    for (const [ordinal, item] of inOrder([...items.values()]).entries()) {
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

function inOrder(items: readonly Item[]): Item[] {
  const placed = items.map((item, claimed) => ({ item, claimed, places: placesOf(item) }))
  placed.sort((a, b) => compare(a.places[0], b.places[0]) || a.claimed - b.claimed)
  const kept: typeof placed = []
  for (const one of placed) {
    const same = kept.find((other) => one.places.length > 0 && isSamePlace(one.places, other.places))
    if (!same) kept.push(one)
    // A window that ends in the middle of an item saw less of it.
    else if (Object.keys(one.item).length > Object.keys(same.item).length) Object.assign(same, { item: one.item, places: one.places })
  }
  return kept.map(({ item }) => item)
}

/** One item lies where the other does, whole or in part. */
function isSamePlace(a: readonly Evidence[], b: readonly Evidence[]): boolean {
  const [few, many] = a.length <= b.length ? [a, b] : [b, a]
  return (
    few.length > 0 &&
    few.every((one) => many.some((other) => one.page === other.page && one.start === other.start && one.end === other.end))
  )
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
