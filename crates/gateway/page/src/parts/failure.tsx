// An error of the server's, with everything it said.

import type { ApiError } from "../api/request.ts";

export function ErrorText({ error }: { error: ApiError }) {
  return (
    <>
      <p class="error-message" data-testid="error-message">{error.message}</p>
      {error.detail && <p>{error.detail}</p>}
      {error.hint && <p data-testid="error-hint">Hint: {error.hint}</p>}
      {(error.code || error.requestId) && (
        <p class="dim">
          {error.code && <span>SQLSTATE {error.code} </span>}
          {error.requestId && <span>request {error.requestId}</span>}
        </p>
      )}
    </>
  );
}

export function Failure({ error, retry }: { error: ApiError; retry?: () => void }) {
  return (
    <div class="failure" role="alert" data-testid="failure">
      <ErrorText error={error} />
      {retry && <button type="button" onClick={retry} data-testid="retry">Try again</button>}
    </div>
  );
}
