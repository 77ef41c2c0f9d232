// One function: what it is, how it does, its versions, hooks, latest invocations and dead jobs.

import type { DeployedFunction } from "../api/model.ts";
import { Badge } from "../parts/badge.tsx";
import { bytes } from "../parts/format.ts";
import { Failure } from "../parts/failure.tsx";
import { Empty, Loading } from "../parts/resource_view.tsx";
import { Time } from "../parts/time.tsx";
import { useFunctionOf } from "../state/functions.ts";
import { href } from "../state/route.ts";
import { DeadJobList } from "./dead_job_list.tsx";
import { FunctionCharts } from "./function_charts.tsx";
import { FunctionNumbers } from "./function_numbers.tsx";
import { describe } from "./hook.ts";
import { InvocationList } from "./invocation_list.tsx";
import { PauseButton } from "./pause_button.tsx";
import { VersionList } from "./version_list.tsx";

export function FunctionPage({ name }: { name: string }) {
  const resource = useFunctionOf(name);
  const deployed = resource.data.value;
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1} data-testid="function-name">{name}</h1>
        {deployed && <Badge tone="accent">version {deployed.version}</Badge>}
        {deployed?.paused && <Badge tone="warn" testid="paused">paused</Badge>}
        <span class="grow" />
        {deployed && <PauseButton name={name} isPaused={deployed.paused} />}
      </div>
      {resource.error.value && <Failure error={resource.error.value} retry={() => resource.reload()} />}
      {deployed === undefined && !resource.error.value && <Loading what="the function" />}
      {deployed && <Facts of={deployed} />}
      {deployed === null && (
        <Empty testid="not-deployed"><p>No deployed function of this name is yours to see.</p>
          <p>It may have been dropped, or be of LANGUAGE javascript. What is recorded of it is below.</p></Empty>
      )}
      <FunctionNumbers name={name} />
      <FunctionCharts name={name} />
      {deployed && <Hooks of={deployed} />}
      {deployed && <VersionList name={name} />}
      <section aria-labelledby="recent">
        <div class="head">
          <h2 id="recent">Recent invocations</h2>
          <a href={href(["invocations"], { function: name })} data-testid="all-invocations">all</a>
          <a href={href(["logs"], { function: name })}>logs</a>
          <a href={href(["jobs"], { function: name })}>waiting jobs</a>
        </div>
        <InvocationList query={{ function: name }} page={20} showsFunction={false} />
      </section>
      <DeadJobList functionName={name} />
    </>
  );
}

function Facts({ of }: { of: DeployedFunction }) {
  return (
    <>
      {of.description && <p data-testid="description">{of.description}</p>}
      <dl class="facts" data-testid="facts">
        <div><dt>Owner</dt><dd>{of.owner}</dd></div>
        <div><dt>Schema</dt><dd>{of.schema}</dd></div>
        <div><dt>Export</dt><dd><code>{of.export}</code></dd></div>
        <div><dt>Module</dt><dd>{bytes(of.module_bytes)} <code title={of.sha256}>{of.sha256.slice(0, 12)}</code></dd></div>
        <div><dt>Deployed</dt><dd><Time at={of.deployed_at} /> by {of.deployed_by}</dd></div>
      </dl>
    </>
  );
}

function Hooks({ of }: { of: DeployedFunction }) {
  const hooks = of.hooks ?? [];
  return (
    <section aria-labelledby="hooks">
      <div class="head"><h2 id="hooks">Hooks</h2></div>
      {hooks.length === 0
        ? <p class="dim">None: it is called from SQL, by <code>alyx invoke</code> or by POST. Hooks are written in the manifest.</p>
        : <ul class="hooks" data-testid="hooks">{hooks.map((hook, index) => <li key={index}><Badge>{hook.type}</Badge> <code>{describe(hook)}</code></li>)}</ul>}
    </section>
  );
}
