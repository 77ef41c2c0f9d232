//! Spellings of older Alyx manifests, whose functions ran in containers, and what takes their place.
//! It must not know anything about manifests that are right.

/// What to do instead of a top-level key that older manifests had.
pub(crate) fn replacement(key: &str) -> Option<&'static str> {
    let advice = match key {
        "image" | "dockerfile" | "docker" | "container" | "containers" | "registry" | "base_image" => {
            "Functions run inside the database, without containers; build a .wasm module and write \"runtime: wasm\"."
        }
        "port" | "ports" | "expose" => {
            "A function listens on no port; add an entry \"type: http\" to \"hooks\" to reach it over HTTP."
        }
        "network" | "networks" | "network_mode" | "dns" | "extra_hosts" => {
            "A function has no network of its own; list the origins it may reach in \"allowed_hosts\"."
        }
        "volumes" | "volume" | "mounts" | "tmpfs" | "working_dir" | "workdir" => {
            "A function has no files; keep its data in tables."
        }
        "command" | "cmd" | "args" => {
            "Name the export to call in \"entrypoint\", and the build program under \"build\"."
        }
        "cpu" | "cpus" | "gpu" | "ulimits" => "CPU time is limited by \"timeout\" alone.",
        "replicas" | "scale" | "pool" | "min_instances" | "max_instances" | "min_replicas" | "max_replicas" => {
            "Every database session runs functions itself; limit jobs with \"concurrency\"."
        }
        "keep_warm" | "warm" | "idle_timeout" => "Functions start in microseconds; reuse is set by \"instances\".",
        "restart" | "restart_policy" => "Failed jobs are tried again as \"retry\" says.",
        "healthcheck" | "health_check" | "user" | "privileged" | "capabilities" | "labels" | "depends_on" => {
            "This is a container option; functions run inside the database and have no use for it."
        }
        "environment" | "env_file" => "Write the values under \"env\".",
        "dependencies" | "packages" | "requirements" => {
            "Dependencies are part of the .wasm module; bundle them at build."
        }
        "handler" => "Name the export to call in \"entrypoint\".",
        "schedule" | "schedules" | "cron" => "Add an entry \"type: schedule\" to \"hooks\".",
        "route" | "routes" | "http" => "Add an entry \"type: http\" to \"hooks\".",
        "webhook" | "webhooks" => "Add an entry \"type: webhook\" to \"hooks\".",
        "trigger" | "triggers" => "Add an entry \"type: database\" to \"hooks\".",
        _ => return None,
    };
    Some(advice)
}

/// Whether `runtime` names a language or a container engine, as older manifests do.
pub(crate) fn is_runtime(name: &str) -> bool {
    const LANGUAGES: &[&str] = &[
        "node",
        "nodejs",
        "deno",
        "bun",
        "javascript",
        "js",
        "typescript",
        "ts",
        "python",
        "go",
        "golang",
        "ruby",
        "php",
        "java",
        "dotnet",
        "rust",
        "zig",
        "c",
        "docker",
        "container",
        "podman",
        "binary",
    ];
    // Older manifests carry versions as well: `node20`, `python3.12`, `node:22-alpine`.
    let bare = name.split([':', '@', '-']).next().unwrap_or(name);
    let bare = bare.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | 'x'));
    LANGUAGES.contains(&bare.to_ascii_lowercase().as_str())
}

/// What to do instead of such a runtime.
pub(crate) const RUNTIME_REPLACEMENT: &str = "Compile the function to a WebAssembly module and write \"runtime: wasm\"; any language that compiles to it will do.";
