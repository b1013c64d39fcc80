/** What no data property of the global object names: `Buffer` is behind an accessor, the others have no name at all. */
const UNNAMED = [
  Buffer,
  [].values(),
  new Map().values(),
  new Set().values(),
  ''[Symbol.iterator](),
  ''.matchAll(/./g),
  function* () {
    yield 0
  },
  async () => 0,
  async function* () {
    yield 0
  },
]
/** These are Node's and change in its work; pdf.ts puts its own functions into the console. */
const NOT_SEALED = new Set<unknown>([globalThis, process, console])

type Shared = Record<PropertyKey, unknown>
const GLOBAL: Shared = globalThis

interface Property {
  owner: Shared
  key: PropertyKey
  value: unknown
}

/**
 * Seals what all code shares: the global object against additions, and every constructor, prototype and namespace that it names against additions, removals and
 * new accessors. Returns what tells whether a value in one of them was replaced since. They are not frozen, because under a frozen
 * Error.prototype the errors of pdf.js cannot set their own message (the override mistake of the language).
 */
export function sealIntrinsics(): () => boolean {
  const properties: Property[] = []
  for (const object of sharedObjects()) {
    Object.seal(object)
    for (const [key, { value, writable }] of descriptorsOf(object)) if (writable) properties.push({ owner: object, key, value })
  }
  // Not sealed, because Node defines some of its globals anew when they are set: those are behind accessors, and read here.
  Object.preventExtensions(GLOBAL)
  for (const [key, { get, writable }] of descriptorsOf(GLOBAL))
    if (get || writable) properties.push({ owner: GLOBAL, key, value: GLOBAL[key] })

  const count = properties.length
  // Calls and iterates over nothing but own arrays by index, since it asks whether what it would call can be trusted.
  return () => {
    for (let index = 0; index < count; index++) {
      const property = properties[index]
      if (!property || property.owner[property.key] !== property.value) return true
    }
    return false
  }
}

/** Every object and function that a global names or an unnamed intrinsic leads to, with its prototypes and constructors. */
function sharedObjects(): Set<Shared> {
  const globals = descriptorsOf(GLOBAL).map(([, { value }]) => value)
  const found = new Set<Shared>()
  // A set that grows while it is iterated over gives what was added, too.
  for (const candidate of [...globals, ...UNNAMED]) add(found, candidate)
  for (const object of found) {
    add(found, Object.getPrototypeOf(object))
    for (const [key, { value }] of descriptorsOf(object)) if (key === 'prototype' || key === 'constructor') add(found, value)
  }
  return found
}

function add(found: Set<Shared>, candidate: unknown): void {
  const isObject = (typeof candidate === 'object' && candidate !== null) || typeof candidate === 'function'
  if (isObject && !NOT_SEALED.has(candidate)) found.add(candidate as Shared)
}

function descriptorsOf(object: Shared): [PropertyKey, PropertyDescriptor][] {
  return Reflect.ownKeys(object).map((key) => [key, Object.getOwnPropertyDescriptor(object, key) ?? {}])
}
