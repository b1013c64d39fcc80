import { type Dispatcher, EnvHttpProxyAgent, type RequestInit as SendInit, fetch as send } from 'undici'
import { AppError } from '../contracts/errors.ts'

/** Without a proxy of its own, `https` goes through that of `http`. `no` lists hosts that are reached directly, as in `localhost,.internal`. */
export interface ProxyOptions {
  http?: string | undefined
  https?: string | undefined
  no?: string | undefined
}

export interface OutboundOptions {
  allowedOrigins: readonly string[]
  proxy: ProxyOptions
}

export interface Outbound {
  /** Takes a URL, no Request object. Never follows a redirect, whatever `init` says: it is returned as it came. */
  readonly fetch: typeof fetch
  /** Breaks off what is still in flight. */
  close(): Promise<void>
}

/** 200 calls in flight to one origin, and some room: HTTP/1.1 carries one at a time, so that a broken connection costs one call. */
const CONNECTIONS_PER_ORIGIN_MAX = 256

/** Below the 5 s after which uvicorn, and with it vLLM, closes an idle connection without saying so. */
const KEEP_ALIVE_MS = 4_000

const CONNECT_TIMEOUT_MS = 10_000

/** For a caller without a deadline of its own: of the head of a response, and between two pieces of its body. */
const SILENCE_MS_MAX = 300_000

/**
 * The one way out. A request to an origin that is not allowed is refused before a name is looked up or a socket opened: AppError POLICY_REFUSED. Nothing is
 * read from the environment.
 */
export function createOutbound({ allowedOrigins, proxy }: OutboundOptions): Outbound {
  const allowed = new Set(allowedOrigins.map((origin) => new URL(origin).origin))
  // An empty text keeps undici from looking into the environment.
  const agent = new EnvHttpProxyAgent({
    httpProxy: proxy.http ?? '',
    httpsProxy: proxy.https ?? '',
    noProxy: proxy.no ?? '',
    connections: CONNECTIONS_PER_ORIGIN_MAX,
    allowH2: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    headersTimeout: SILENCE_MS_MAX,
    bodyTimeout: SILENCE_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  })
  const dispatcher = agent.compose(refuseOthers(allowed))
  const guarded = async (url: string, init: SendInit) => {
    try {
      return await send(url, { ...init, redirect: 'manual', dispatcher })
    } catch (error) {
      // fetch wraps what the dispatcher throws.
      throw error instanceof Error && error.cause instanceof AppError ? error.cause : error
    }
  }
  return {
    // The same shapes at run time; undici declares them apart from those of the platform.
    fetch: (async (input: string | URL, init: SendInit = {}) => guarded(String(input), init)) as unknown as typeof fetch,
    close: () => agent.destroy(),
  }
}

/** Below fetch, so that it holds for each single request, redirects and whatever else fetch does by itself included. */
function refuseOthers(allowed: ReadonlySet<string>): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (request, handler) => {
    const origin = URL.parse(String(request.origin))?.origin ?? 'an address without an origin'
    if (!allowed.has(origin)) throw new AppError('POLICY_REFUSED', `${origin} is not in the register, and nobody has declared it`)
    return dispatch(request, handler)
  }
}
