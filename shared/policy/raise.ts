import type { DataClass, Sensitivity } from '../contracts/document.ts'

/** How data is classed. */
export interface Classed {
  sensitivity: Sensitivity
  data_classes: readonly DataClass[]
}

const LEAST_SENSITIVITY: Readonly<Record<DataClass, Sensitivity>> = {
  none: 'public',
  personal: 'internal',
  criminal: 'confidential',
  special: 'confidential',
}
const ORDER: readonly Sensitivity[] = ['public', 'internal', 'confidential', 'special']

/**
 * What was declared, with what was found besides: classes are added and sensitivity rises, nothing is ever taken back. So what finds classes,
 * rules here or a model elsewhere, can make a policy stricter and never laxer. `none` beside another class says nothing and goes.
 */
export function raise(declared: Classed, found: readonly DataClass[]): { sensitivity: Sensitivity; data_classes: DataClass[] } {
  const added = found.filter((dataClass) => dataClass !== 'none' && !declared.data_classes.includes(dataClass))
  if (added.length === 0) return { sensitivity: declared.sensitivity, data_classes: [...declared.data_classes] }
  const least = added.map((dataClass) => ORDER.indexOf(LEAST_SENSITIVITY[dataClass]))
  const rank = Math.max(ORDER.indexOf(declared.sensitivity), ...least)
  return {
    sensitivity: ORDER[rank] ?? declared.sensitivity,
    data_classes: [...declared.data_classes.filter((dataClass) => dataClass !== 'none'), ...new Set(added)],
  }
}
