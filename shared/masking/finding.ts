import type { MaskKind } from '../contracts/masking.ts'

/** UTF-16 offsets; `end` is the first one behind. */
export interface Finding {
  kind: MaskKind
  start: number
  end: number
}

/** `checked`: its checksum or a library confirms it. `named`: a word beside it says so. `shaped`: it only looks like it. */
export type Certainty = 'checked' | 'named' | 'shaped'

export interface Candidate extends Finding {
  certainty: Certainty
}
