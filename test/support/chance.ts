/** Chance that can be had again: one seed, one sequence. */
export interface Chance {
  /** From 0 to below 1. */
  fraction(): number
  /** Times between events that happen independently of each other at a constant rate. */
  exponential(mean: number): number
  pick<Item>(items: readonly [Item, ...Item[]]): Item
  shuffled<Item>(items: readonly Item[]): Item[]
  /** A sequence of its own, for whoever draws at a time that chance does not decide. */
  branch(): Chance
}

/** mulberry32 of Tommy Ettinger (public domain): 32 bits of state, enough for a test's choices. */
export function chance(seed: number): Chance {
  let state = seed
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    fraction,
    exponential: (mean) => -mean * Math.log(1 - fraction()),
    pick: (items) => items[Math.floor(fraction() * items.length)] ?? items[0],
    shuffled: (items) =>
      items
        .map((item) => ({ item, at: fraction() }))
        .sort((one, other) => one.at - other.at)
        .map(({ item }) => item),
    branch: () => chance(Math.floor(fraction() * 2 ** 32)),
  }
}
