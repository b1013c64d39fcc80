import type { SchemaNode } from './schema.ts'

export type Leaf = Extract<SchemaNode, { kind: 'leaf' }>

/** The leaf that a path such as `lines.0.description` names, or null. */
export function leafAt(root: SchemaNode, path: string): Leaf | null {
  let node: SchemaNode | undefined = root
  for (const part of path.split('.')) {
    if (node?.kind === 'object') node = Object.hasOwn(node.properties, part) ? node.properties[part] : undefined
    else if (node?.kind === 'list') node = /^\d{1,7}$/.test(part) ? node.item : undefined
    else return null
  }
  return node?.kind === 'leaf' ? node : null
}

/** Every leaf with its path, `*` where a list's ordinal stands: `lines.*.description`. */
export function leavesOf(node: SchemaNode, path = ''): { path: string; leaf: Leaf }[] {
  const below = (part: string) => (path === '' ? part : `${path}.${part}`)
  switch (node.kind) {
    case 'leaf':
      return [{ path, leaf: node }]
    case 'list':
      return leavesOf(node.item, below('*'))
    case 'object':
      return Object.entries(node.properties).flatMap(([name, child]) => leavesOf(child, below(name)))
  }
}
