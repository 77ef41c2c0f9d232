// Pauses the jobs of a function, or lets them go on.

import { request } from "../api/request.ts";
import { ActionButton } from "../parts/button.tsx";
import { act } from "../state/notices.ts";

export function PauseButton({ name, isPaused, small }: { name: string; isPaused: boolean; small?: boolean }) {
  const verb = isPaused ? "resume" : "pause";
  const toggle = () => act(`could not ${verb} ${name}`, ["functions", "jobs"], async () => {
    const { paused } = await request<{ paused: boolean }>("POST", `functions/${encodeURIComponent(name)}/${verb}`);
    return paused ? `${name} is paused: no job of it starts; direct calls go on` : `${name} is resumed`;
  });
  return <ActionButton action={toggle} small={small} label={`${verb} ${name}`} testid={verb}>{isPaused ? "Resume" : "Pause"}</ActionButton>;
}
