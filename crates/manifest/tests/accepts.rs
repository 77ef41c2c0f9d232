//! Manifests that are right: every key of SPEC §4, every default, every spelling of a value.

use alyx_manifest::{
    Action, Auth, Backoff, Build, DatabaseAccess, DatabaseHook, Encoding, Hash, Hook, HttpHook, Instances, Level,
    LogPolicy, Manifest, Method, Missed, Mode, Overlap, RateLimit, Retry, RunAs, Runtime, ScheduleHook, Scheme, Shape,
    Signature, SqlFunction, Timing, Verify, WebhookHook, parse,
};
use serde_json::json;

/// SPEC §4, word for word.
const SPECIFIED: &str = r#"
name: notify-warehouse            # [a-z][a-z0-9_-]{0,62}
description: Ships paid orders
runtime: wasm
entrypoint: handler               # export to call; default `handler`, then the single exported function
build: { command: npm, args: [run, build], watch: ["src/**/*.ts"], output: plugin.wasm }   # used by the CLI only
timeout: 10s                      # wall clock; default 10s, capped by alyx_functions.max_timeout
memory: 128mb                     # linear memory; default 128mb, capped by alyx_functions.max_memory
instances: fresh                  # fresh | transaction | session
run_as: caller                    # caller | owner
database: write                   # none | read | write
env: { APP_URL: https://myapp.com, TOKEN: ${TOKEN} }   # ${VAR} is filled in by the CLI at deploy
secrets: [WAREHOUSE_KEY]          # must have been granted
allowed_hosts: ["https://warehouse.example.com"]       # deny by default; scheme, host, port
input:  { order_id: {type: integer, required: true}, note: {type: string, maxLength: 200} }   # or a JSON Schema
output: { status: {type: string} }
log: all                          # all | errors | sample:0.1 | off
concurrency: 10                   # jobs of this function at once
rate_limit: 100/s
retry: { attempts: 10, backoff: exponential, base: 1s, max: 1h }
sql:
  - create: ship_cost(weight float8, zone int) returns float8
    export: ship_cost
hooks:
  - { type: database, source: public.orders, action: [insert, update], timing: after, for_each: row, mode: async,
      when: "NEW.status = 'paid'", columns: [status] }
  - { type: schedule, cron: "0 2 * * *", timezone: Europe/Berlin, overlap: skip, missed: once, input: {} }
  - { type: http, methods: [POST], auth: required }            # required | optional | none
  - { type: webhook, path: stripe, verify: {scheme: stripe, secret: STRIPE_SECRET} }   # standard | stripe | github | hmac
"#;

fn specified() -> Manifest {
    Manifest {
        name: Some("notify-warehouse".into()),
        description: Some("Ships paid orders".into()),
        schema: None,
        runtime: Runtime::Wasm,
        entrypoint: Some("handler".into()),
        build: Some(Build {
            command: "npm".into(),
            args: vec!["run".into(), "build".into()],
            watch: vec!["src/**/*.ts".into()],
            output: Some("plugin.wasm".into()),
        }),
        timeout_ms: 10_000,
        memory_bytes: 134_217_728,
        instances: Instances::Fresh,
        run_as: RunAs::Caller,
        database: DatabaseAccess::Write,
        env: [("APP_URL".into(), "https://myapp.com".into()), ("TOKEN".into(), "${TOKEN}".into())].into(),
        secrets: vec!["WAREHOUSE_KEY".into()],
        allowed_hosts: vec!["https://warehouse.example.com".into()],
        reads: None,
        http_in_transaction: false,
        host_functions: [].into(),
        input: Some(Shape {
            schema: json!({
                "order_id": {"type": "integer", "required": true}, "note": {"type": "string", "maxLength": 200}
            }),
            line: 15,
            column: 9,
        }),
        output: Some(Shape { schema: json!({"status": {"type": "string"}}), line: 16, column: 9 }),
        log: LogPolicy::All,
        concurrency: Some(10),
        rate_limit: Some(RateLimit { count: 100, per_ms: 1_000 }),
        retry: Some(Retry { attempts: 10, backoff: Backoff::Exponential, base_ms: 1_000, max_ms: 3_600_000 }),
        sql: vec![SqlFunction {
            create: "ship_cost(weight float8, zone int) returns float8".into(),
            export: "ship_cost".into(),
            line: 22,
            column: 5,
        }],
        hooks: vec![
            Hook::Database(DatabaseHook {
                source: "public.orders".into(),
                action: vec![Action::Insert, Action::Update],
                timing: Timing::After,
                for_each: Level::Row,
                mode: Mode::Async,
                when: Some("NEW.status = 'paid'".into()),
                columns: vec!["status".into()],
                args: vec![],
                name: None,
                line: 25,
                column: 5,
            }),
            Hook::Schedule(ScheduleHook {
                cron: "0 2 * * *".into(),
                timezone: "Europe/Berlin".into(),
                overlap: Overlap::Skip,
                missed: Missed::Once,
                input: json!({}),
                name: None,
                line: 27,
                column: 5,
            }),
            Hook::Http(HttpHook {
                methods: vec![Method::Post],
                path: None,
                auth: Auth::Required,
                name: None,
                line: 28,
                column: 5,
            }),
            Hook::Webhook(WebhookHook {
                path: "stripe".into(),
                verify: Verify {
                    scheme: Scheme::Stripe,
                    secrets: vec!["STRIPE_SECRET".into()],
                    tolerance_s: 300,
                    signature: None,
                },
                name: None,
                line: 29,
                column: 5,
            }),
        ],
    }
}

#[test]
fn the_manifest_of_the_specification() {
    assert_eq!(parse(SPECIFIED).unwrap(), specified());
}

#[test]
fn line_ends_and_byte_order_mark_change_nothing() {
    assert_eq!(parse(&SPECIFIED.replace('\n', "\r\n")).unwrap(), specified());
    assert_eq!(parse(&format!("\u{feff}{SPECIFIED}")).unwrap(), specified());
}

#[test]
fn a_manifest_that_says_nothing_is_the_default() {
    for text in
        ["", "\n", "# only a comment\n", "---\n", "{}", "~", "env:\nsecrets:\nhooks:\nsql: []\nallowed_hosts: ~\n"]
    {
        assert_eq!(parse(text).unwrap(), Manifest::default(), "{text:?}");
    }
}

#[test]
fn hooks_have_defaults() {
    let text =
        "hooks:\n- type: database\n  source: t\n  action: delete\n- type: schedule\n  cron: ' @daily '\n- type: http\n";
    let hooks = parse(text).unwrap().hooks;
    assert_eq!(
        hooks,
        [
            Hook::Database(DatabaseHook {
                source: "t".into(),
                action: vec![Action::Delete],
                timing: Timing::After,
                for_each: Level::Row,
                mode: Mode::Sync,
                when: None,
                columns: vec![],
                args: vec![],
                name: None,
                line: 2,
                column: 3,
            }),
            Hook::Schedule(ScheduleHook {
                cron: "@daily".into(),
                timezone: "UTC".into(),
                overlap: Overlap::Skip,
                missed: Missed::Once,
                input: json!({}),
                name: None,
                line: 5,
                column: 3,
            }),
            Hook::Http(HttpHook {
                methods: vec![Method::Post],
                path: None,
                auth: Auth::Required,
                name: None,
                line: 7,
                column: 3,
            }),
        ]
    );
    assert_eq!(hooks.iter().map(Hook::position).collect::<Vec<_>>(), [(2, 3), (5, 3), (7, 3)]);
}

#[test]
fn triggers_that_postgresql_can_make() {
    for hook in [
        "action: [insert, update, delete], timing: before",
        "action: update, columns: [a, B c], when: OLD.a <> NEW.a, timing: before",
        "action: [insert, update, delete, truncate], for_each: statement",
        "action: truncate, for_each: statement, timing: before",
        "action: truncate, for_each: statement, mode: async",
        "action: [insert, update, delete], timing: instead_of",
        "action: insert, timing: after, mode: async, args: [a, 1, 1.10, true], name: my trigger",
        "action: [insert, update], columns: [a]",
    ] {
        let text = format!("hooks: [{{type: database, source: t, {hook}}}]");
        assert!(parse(&text).is_ok(), "{text}: {:?}", parse(&text));
    }
}

#[test]
fn schedules_in_every_dialect() {
    for cron in
        ["* * * * *", "0,30 */2 1-15 jan-mar 0-7", "0 0 L * ?", "0 0 * * MON#1", "0 0 2 * * *", "@hourly", "@every 30s"]
    {
        assert!(parse(&format!("hooks: [{{type: schedule, cron: \"{cron}\"}}]")).is_ok(), "{cron}");
    }
}

#[test]
fn env_values_and_trigger_arguments_stay_as_written() {
    let text = "env: {A: 1.10, B: 007, C: True, D: no, E: '', F: 12345678901234567890123, G: 0x1F, H: \"1\", I: +5}\n\
                hooks: [{type: database, source: t, action: insert, args: [1.50, false, ${X}]}]";
    let manifest = parse(text).unwrap();
    let values: Vec<_> = manifest.env.values().map(String::as_str).collect();
    assert_eq!(values, ["1.10", "007", "True", "no", "", "12345678901234567890123", "0x1F", "1", "+5"]);
    let [Hook::Database(hook)] = manifest.hooks.as_slice() else { panic!("{:?}", manifest.hooks) };
    assert_eq!(hook.args, ["1.50", "false", "${X}"]);
}

#[test]
fn placeholders_are_kept_wherever_they_stand() {
    let text = "description: |\n  ${A} and ${B}\n# ${C}\nenv: {A: ${A}, B: \"${B}/x\", C: a${C}b, D: '{${D}}', E: $E}\n\
                input: {a: {default: ${F}}}";
    let manifest = parse(text).unwrap();
    assert_eq!(manifest.description.as_deref(), Some("${A} and ${B}\n"));
    let values: Vec<_> = manifest.env.values().map(String::as_str).collect();
    assert_eq!(values, ["${A}", "${B}/x", "a${C}b", "{${D}}", "$E"]);
    assert_eq!(manifest.input.unwrap().schema, json!({"a": {"default": "${F}"}}));
}

#[test]
fn quantities_at_the_ends_of_their_ranges() {
    let limits = |timeout: &str, memory: &str| {
        let manifest = parse(&format!("timeout: {timeout}\nmemory: {memory}")).unwrap();
        (manifest.timeout_ms, manifest.memory_bytes)
    };
    assert_eq!(limits("1ms", "64kb"), (1, 65_536));
    assert_eq!(limits("24h", "4GB"), (86_400_000, 4_294_967_296));
    assert_eq!(limits("1440m", "65536B"), (86_400_000, 65_536));
}

#[test]
fn choices_in_full() {
    let text = "instances: session\nrun_as: owner\ndatabase: read\nhttp_in_transaction: true\nlog: sample:0.25\n\
                schema: My Schema\nhost_functions: {hello_world: greet}\nretry: {attempts: 3, backoff: fixed, base: 2h}\n\
                rate_limit: 5/h\nconcurrency: 1\nbuild: {command: make, watch: src}\n\
                reads: [id, \"Full Name\"]\n\
                hooks:\n- {type: http, methods: GET, path: v1/orders, auth: none, name: orders}\n\
                - {type: webhook, path: a/b, verify: {scheme: hmac, secret: S}}\n";
    let manifest = parse(text).unwrap();
    assert_eq!(manifest.instances, Instances::Session);
    assert_eq!(manifest.run_as, RunAs::Owner);
    assert_eq!(manifest.database, DatabaseAccess::Read);
    assert!(manifest.http_in_transaction);
    assert_eq!(manifest.reads, Some(vec!["id".into(), "Full Name".into()]));
    assert_eq!(manifest.log, LogPolicy::Sample(0.25));
    assert_eq!(manifest.schema.as_deref(), Some("My Schema"));
    assert_eq!(manifest.host_functions, [("hello_world".into(), "greet".into())].into());
    let retry = Retry { attempts: 3, backoff: Backoff::Fixed, base_ms: 7_200_000, max_ms: 7_200_000 };
    assert_eq!(manifest.retry, Some(retry));
    assert_eq!(manifest.rate_limit, Some(RateLimit { count: 5, per_ms: 3_600_000 }));
    assert_eq!(manifest.build.unwrap().watch, ["src"]);
    assert_eq!(manifest.hooks.iter().filter_map(Hook::name).collect::<Vec<_>>(), ["orders"]);
}

#[test]
fn anchors_save_typing() {
    let manifest = parse("input: &shape {id: {type: integer}}\noutput: *shape\n").unwrap();
    assert_eq!(manifest.input.unwrap().schema, manifest.output.unwrap().schema);
}

#[test]
fn shapes_keep_numbers_nulls_and_depth() {
    let manifest = parse(
        "input:\n  type: object\n  properties: {a: {enum: [1, -2, 1.5, null, true, x], maximum: 18446744073709551615}}",
    )
    .unwrap();
    let expected = json!({"type": "object", "properties":
        {"a": {"enum": [1, -2, 1.5, null, true, "x"], "maximum": u64::MAX}}});
    let input = manifest.input.unwrap();
    assert_eq!((input.schema, input.line, input.column), (expected, 2, 3));
}

#[test]
fn the_serialised_form_is_content_without_places() {
    let text = "log: sample:0.5\nsql: [{create: f() returns int, export: f}]\nhooks: [{type: database, source: v, action: [insert], timing: instead_of}]";
    let value = serde_json::to_value(parse(text).unwrap()).unwrap();
    assert_eq!(value["log"], json!({"sample": 0.5}));
    assert_eq!(value["sql"], json!([{"create": "f() returns int", "export": "f"}]));
    assert_eq!(
        value["hooks"],
        json!([{"type": "database", "source": "v", "action": ["insert"], "timing": "instead_of", "for_each": "row",
                "mode": "sync", "when": null, "columns": [], "args": [], "name": null}])
    );
    assert_eq!(serde_json::to_value(parse(&format!("\n\n{text}")).unwrap()).unwrap(), value);
}

#[test]
fn webhooks_say_how_they_are_signed() {
    let manifest = parse(
        "hooks:
  - {type: webhook, path: a, verify: {scheme: standard, secret: [NEW, OLD], tolerance: 1m}}
  - type: webhook
    path: b
    verify: {scheme: hmac, secret: S, header: X-Shop-Hmac, algorithm: sha512, encoding: base64, prefix: \"v1=\", timestamp_header: X-Time, id_header: X-Id}
  - {type: webhook, path: c, verify: {scheme: hmac, secret: S}}\n",
    )
    .unwrap();
    let verify = |at: usize| match &manifest.hooks[at] {
        Hook::Webhook(hook) => hook.verify.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(verify(0).secrets, ["NEW", "OLD"]);
    assert_eq!(verify(0).tolerance_s, 60);
    let wanted = Signature {
        header: "x-shop-hmac".into(),
        algorithm: Hash::Sha512,
        encoding: Encoding::Base64,
        prefix: "v1=".into(),
        timestamp_header: Some("x-time".into()),
        id_header: Some("x-id".into()),
    };
    assert_eq!(verify(1).signature, Some(wanted));
    assert_eq!(verify(2).signature, Some(Signature::default()));
    for (wrong, says) in [
        ("scheme: github, secret: S, header: x", "unknown key \"header\" in verify"),
        ("scheme: hmac, secret: []", "must name at least one secret"),
        ("scheme: hmac, secret: [S, S]", "twice"),
        ("scheme: hmac, secret: S, header: \"a b\"", "must be the name of a header"),
        ("scheme: hmac, secret: S, algorithm: md5", "sha256"),
        ("scheme: stripe, secret: S, tolerance: 2h", "tolerance"),
    ] {
        let text = format!("hooks: [{{type: webhook, path: a, verify: {{{wrong}}}}}]\n");
        let error = parse(&text).unwrap_err();
        let told = format!("{} {}", error.message, error.hint.unwrap_or_default());
        assert!(told.contains(says), "{wrong}: {told}");
    }
}
