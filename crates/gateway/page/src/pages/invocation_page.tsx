// One invocation, with all attempts at it: what went in, what came out, what was logged.

import type { Attempt, InvocationDetail, LogLine } from "../api/model.ts";
import { request } from "../api/request.ts";
import { Status } from "../parts/badge.tsx";
import { bytes, count, duration, localTime } from "../parts/format.ts";
import { FunctionLink } from "../parts/function_link.tsx";
import { JsonBlock, TextBlock } from "../parts/json_block.tsx";
import { ResourceView } from "../parts/resource_view.tsx";
import { Time } from "../parts/time.tsx";
import { href } from "../state/route.ts";
import { useResource } from "../state/resource.ts";
import { RECORDED } from "../state/timeline.ts";

export function InvocationPage({ id }: { id: string }) {
  const invocation = useResource(`invocation ${id}`, RECORDED, (signal) =>
    request<InvocationDetail>("GET", `invocations/${encodeURIComponent(id)}`, { signal }));
  return (
    <>
      <div class="head">
        <a href={href(["invocations"])}>Invocations</a>
        <h1 tabIndex={-1} class="id" data-testid="invocation-id">{id}</h1>
      </div>
      <ResourceView of={invocation} what="the invocation">
        {({ attempts = [], logs = [] }) => (
          <>
            {attempts.length === 0 && <p class="dim">No attempt is recorded.</p>}
            {[...attempts].sort((a, b) => Date.parse(b.started_at) - Date.parse(a.started_at)).map((attempt) => (
              <AttemptView key={`${attempt.attempt}/${attempt.started_at}`} of={attempt} isAlone={attempts.length === 1} />
            ))}
            <Logs of={logs} />
          </>
        )}
      </ResourceView>
    </>
  );
}

function AttemptView({ of, isAlone }: { of: Attempt; isAlone: boolean }) {
  return (
    <section class="card" aria-label={`attempt ${of.attempt}`} data-testid="attempt">
      <div class="head">
        <h2>{isAlone && of.attempt <= 1 ? <FunctionLink name={of.function} /> : `Attempt ${of.attempt}`}</h2>
        <Status of={of.status} />
        {of.sqlstate && <span class="dim">SQLSTATE <code data-testid="sqlstate">{of.sqlstate}</code></span>}
      </div>
      <dl class="facts">
        <div><dt>Function</dt><dd><FunctionLink name={of.function} /> version {of.version}, <code>{of.export}</code></dd></div>
        <div><dt>Trigger</dt><dd>{of.trigger}</dd></div>
        <div><dt>Role</dt><dd>{of.role}</dd></div>
        <div><dt>Started</dt><dd><Time at={of.started_at} /></dd></div>
        <div><dt>Attempt</dt><dd>{of.attempt}</dd></div>
        <div><dt>Duration</dt><dd data-testid="duration">{duration(of.duration_ms)}</dd></div>
        <div><dt>Peak memory</dt><dd data-testid="memory">{bytes(of.peak_memory_bytes)}</dd></div>
        <div><dt>Host calls</dt><dd>{count(of.host_calls)}</dd></div>
        <div><dt>Rows</dt><dd>{count(of.rows)}</dd></div>
      </dl>
      {of.error && <TextBlock text={of.error} label="error" testid="error" />}
      <div class="sides">
        <Recorded value={of.input} isCut={of.input_cut} label="input" />
        <Recorded value={of.output} isCut={of.output_cut} label="output" />
      </div>
    </section>
  );
}

/** What was kept of one side. Where it was cut it is no JSON any more. */
function Recorded({ value, isCut = false, label }: { value: unknown; isCut?: boolean; label: string }) {
  if (value === undefined) return <div class="block"><div class="block-head"><span class="block-label">{label}</span></div><p class="dim" data-testid={label}>not recorded</p></div>;
  if (!isCut) return <JsonBlock value={value} label={label} testid={label} />;
  return (
    <div>
      <TextBlock text={String(value)} label={label} testid={label} />
      <p class="dim" data-testid="cut">This is the beginning. The rest was too long to be recorded.</p>
    </div>
  );
}

function Logs({ of }: { of: LogLine[] }) {
  return (
    <section aria-labelledby="logs">
      <div class="head"><h2 id="logs">Logs</h2></div>
      {of.length === 0
        ? <p class="dim" data-testid="no-logs">It logged nothing.</p>
        : (
          <ol class="log" data-testid="logs">
            {of.map((line) => (
              <li key={`${line.logged_at} ${line.line}`} class={line.level}>
                <time dateTime={line.logged_at} title={line.logged_at}>{localTime(new Date(line.logged_at)).slice(11)}</time>
                <Status of={line.level} /> <span class="log-message">{line.message}</span>
              </li>
            ))}
          </ol>
        )}
    </section>
  );
}
