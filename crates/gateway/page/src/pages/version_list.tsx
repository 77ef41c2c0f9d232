// The versions of a function: their manifests, and going back to one.

import { list, LIMIT } from "../api/lists.ts";
import type { Version } from "../api/model.ts";
import { request } from "../api/request.ts";
import { Badge } from "../parts/badge.tsx";
import { ActionButton } from "../parts/button.tsx";
import { ask } from "../parts/dialog.tsx";
import { json } from "../parts/format.ts";
import { TextBlock } from "../parts/json_block.tsx";
import { ResourceView } from "../parts/resource_view.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { Time } from "../parts/time.tsx";
import { act } from "../state/notices.ts";
import { useResource } from "../state/resource.ts";

export function VersionList({ name }: { name: string }) {
  const path = `functions/${encodeURIComponent(name)}/versions`;
  const versions = useResource(path, ["functions"], (signal) => list<Version>(path, { limit: LIMIT }, signal));

  async function rollBack(to: number) {
    if (!(await ask(`Roll ${name} back?`, `Version ${to} becomes current, hooks included. Calls that run now end with the version they began with.`, `Roll back to ${to}`))) return;
    await act(`could not roll ${name} back`, ["functions", "jobs"], async () => {
      const { version } = await request<{ version: number }>("POST", `functions/${encodeURIComponent(name)}/rollback`, { body: { version: to } });
      return `version ${version} of ${name} is current`;
    });
  }

  const columns: Column<Version>[] = [
    { name: "version", title: "Version", kind: "main", cell: (row) => <><b>{row.version}</b> {row.is_current && <Badge tone="good" testid="current">current</Badge>}</> },
    { name: "sha256", title: "SHA-256", cell: (row) => <code title={row.sha256}>{row.sha256.slice(0, 12)}</code> },
    { name: "export", title: "Export", cell: (row) => <code>{row.export}</code> },
    { name: "deployed", title: "Deployed", cell: (row) => <Time at={row.deployed_at} /> },
    { name: "by", title: "By", cell: (row) => row.deployed_by },
    { name: "actions", title: "Actions", kind: "actions", cell: (row) => !row.is_current && (
      <ActionButton small testid="rollback" label={`roll back to version ${row.version}`} action={() => rollBack(row.version)}>Roll back</ActionButton>
    ) },
  ];
  return (
    <section aria-labelledby="versions">
      <div class="head"><h2 id="versions">Versions</h2></div>
      <ResourceView of={versions} what="versions">
        {(items) => (
          <Table label="Versions" testid="versions" rowTestid="version-row" columns={columns} rows={[...items].sort((a, b) => b.version - a.version)} keyOf={(row) => String(row.version)}
            detail={(row) => <Manifest of={row.manifest} />} />
        )}
      </ResourceView>
    </section>
  );
}

function Manifest({ of }: { of: unknown }) {
  if (of == null || of === "") return <p class="dim">This version was deployed without a manifest.</p>;
  return <TextBlock text={typeof of === "string" ? of : json(of)} label="manifest" testid="manifest" />;
}
