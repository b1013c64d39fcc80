import type { FastifyInstance } from 'fastify'

/**
 * Remembers the methods of every route that is added from now on; the returned function names those that a path allows. For the `Allow` of a
 * 405 (RFC 9110, 15.5.6): the router itself only says that it has no match.
 */
export function collectMethods(server: Pick<FastifyInstance, 'addHook'>): (url: string) => string[] {
  const routes: { pattern: RegExp; methods: readonly string[] }[] = []
  server.addHook('onRoute', ({ url, method }) => {
    routes.push({ pattern: patternOf(url), methods: [method].flat() })
  })
  return (url) => {
    const path = url.split('?')[0] ?? ''
    return [...new Set(routes.flatMap(({ pattern, methods }) => (pattern.test(path) ? methods : [])))].sort()
  }
}

/** Parameters are one segment (`:id`), a star is the rest. */
function patternOf(url: string): RegExp {
  const source = url
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/:[^/]+/g, '[^/]+')
  return new RegExp(`^${source}$`)
}
