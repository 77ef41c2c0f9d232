// One request to the gateway's REST API, and the error it may end with. Knows the token, no page and no resource.

import { dropToken, token } from "./token.ts";

/** Of this page's address, /_admin/functions, with whatever prefix a proxy puts before it. */
const BASE = new URL("../admin/v1/", document.baseURI);

export interface Query {
  [name: string]: string | number | undefined;
}

interface ErrorBody {
  error?: { code?: string; message?: string; detail?: string; hint?: string };
}

/** What the server, or the way to it, answered instead of a result. status is 0 when nobody answered. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code?: string,
    readonly detail?: string,
    readonly hint?: string,
    readonly requestId?: string | null,
  ) {
    super(message);
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(0, error instanceof Error ? error.message : String(error));
}

/** The reply as it is: for the event stream, which is read while it lasts. */
export async function open(method: string, path: string, options: { query?: Query; body?: unknown; signal?: AbortSignal } = {}): Promise<Response> {
  const used = token.peek();
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  const headers: Record<string, string> = { Authorization: `Bearer ${used}` };
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(url, {
      method, headers, cache: "no-store",
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal,
    });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(0, "the gateway cannot be reached", undefined, String(error), "Check that alyx serve is running and that the network is there.");
  }
  if (!response.ok) {
    const failure = await readFailure(response);
    if (response.status === 401 && token.peek() === used) dropToken(failure.message);
    throw failure;
  }
  return response;
}

export async function request<T>(method: string, path: string, options: { query?: Query; body?: unknown; signal?: AbortSignal } = {}): Promise<T> {
  const response = await open(method, path, options);
  try {
    return (await response.json()) as T;
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(response.status, "the gateway's reply is not JSON", undefined, String(error));
  }
}

async function readFailure(response: Response): Promise<ApiError> {
  const id = response.headers.get("X-Request-Id");
  const body = (await response.json().catch(() => ({}))) as ErrorBody;
  const { code, message, detail, hint } = body.error ?? {};
  return new ApiError(response.status, message ?? `HTTP ${response.status} ${response.statusText}`.trim(), code, detail, hint, id);
}
