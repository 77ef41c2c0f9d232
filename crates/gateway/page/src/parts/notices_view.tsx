// Shows the notices. Two live regions: what is done is said politely, what failed at once.

import { dismiss, notices, type Notice } from "../state/notices.ts";
import { ErrorText } from "./failure.tsx";

function NoticeView({ notice }: { notice: Notice }) {
  return (
    <div class={notice.error ? "notice bad" : "notice"} data-testid={notice.error ? "notice-error" : "notice"}>
      <div class="notice-text">
        <p>{notice.text}</p>
        {notice.error && <ErrorText error={notice.error} />}
      </div>
      <button type="button" class="small" aria-label="dismiss" onClick={() => dismiss(notice.id)} data-testid="notice-dismiss">×</button>
    </div>
  );
}

export function NoticesView() {
  const show = (isError: boolean) => notices.value.filter((notice) => (notice.error !== null) === isError)
    .map((notice) => <NoticeView key={notice.id} notice={notice} />);
  return (
    <div class="notices">
      <div role="status" aria-live="polite">{show(false)}</div>
      <div role="alert">{show(true)}</div>
    </div>
  );
}
