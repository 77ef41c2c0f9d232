//! Entries of `hooks`: which kind each is, and the kinds that are not about tables.

use super::database;
use crate::error::quoted;
use crate::field::Field;
use crate::fields::Fields;
use crate::{
    Auth, Encoding, Hash, Hook, HttpHook, ManifestError, Method, Missed, Overlap, ScheduleHook, Scheme, Signature,
    Verify, WebhookHook, names, units,
};

#[derive(Clone, Copy)]
enum Kind {
    Database,
    Schedule,
    Http,
    Webhook,
}

const KINDS: &[(&str, Kind)] =
    &[("database", Kind::Database), ("schedule", Kind::Schedule), ("http", Kind::Http), ("webhook", Kind::Webhook)];
const OVERLAP: &[(&str, Overlap)] = &[("skip", Overlap::Skip), ("queue", Overlap::Queue), ("allow", Overlap::Allow)];
const MISSED: &[(&str, Missed)] = &[("once", Missed::Once), ("skip", Missed::Skip), ("all", Missed::All)];
const AUTH: &[(&str, Auth)] = &[("required", Auth::Required), ("optional", Auth::Optional), ("none", Auth::None)];
const METHODS: &[(&str, Method)] = &[
    ("GET", Method::Get),
    ("HEAD", Method::Head),
    ("POST", Method::Post),
    ("PUT", Method::Put),
    ("PATCH", Method::Patch),
    ("DELETE", Method::Delete),
];
const SCHEMES: &[(&str, Scheme)] =
    &[("standard", Scheme::Standard), ("stripe", Scheme::Stripe), ("github", Scheme::Github), ("hmac", Scheme::Hmac)];
const HASHES: &[(&str, Hash)] = &[("sha256", Hash::Sha256), ("sha512", Hash::Sha512)];
const ENCODINGS: &[(&str, Encoding)] = &[("hex", Encoding::Hex), ("base64", Encoding::Base64)];
/// What Standard Webhooks and Stripe recommend.
const USUAL_TOLERANCE_S: u32 = 300;
const PATH_RULE: &str = "must be a path without a leading slash, of letters, digits and - _ . ~";

/// All hooks of a manifest; no two may claim the same thing.
pub(super) fn list(field: Field) -> Result<Vec<Hook>, ManifestError> {
    let mut hooks: Vec<Hook> = Vec::new();
    for entry in field.list()? {
        let at = entry.at;
        let hook = hook(entry)?;
        if let Some(claim) = hooks.iter().find_map(|earlier| same_claim(earlier, &hook)) {
            return Err(at.error(claim));
        }
        hooks.push(hook);
    }
    Ok(hooks)
}

fn hook(field: Field) -> Result<Hook, ManifestError> {
    let mut fields = field.fields("hook")?;
    let kind =
        fields.need("type").map_err(|error| error.hint("Valid values are database, schedule, http and webhook."));
    match kind?.choice(KINDS)? {
        Kind::Database => database::hook(fields).map(Hook::Database),
        Kind::Schedule => schedule(fields).map(Hook::Schedule),
        Kind::Http => http(fields).map(Hook::Http),
        Kind::Webhook => webhook(fields).map(Hook::Webhook),
    }
}

/// What two hooks cannot both have.
fn same_claim(a: &Hook, b: &Hook) -> Option<String> {
    match (a, b) {
        (Hook::Webhook(a), Hook::Webhook(b)) if a.path == b.path => {
            Some(format!("webhook path {} is used twice", quoted(&a.path)))
        }
        (Hook::Database(a), Hook::Database(b)) if a.source == b.source && a.name.is_some() && a.name == b.name => {
            Some(format!("trigger name {} is used twice on {}", quoted(a.name.as_deref()?), quoted(&a.source)))
        }
        (Hook::Schedule(a), Hook::Schedule(b)) if a.name.is_some() && a.name == b.name => {
            Some(format!("schedule name {} is used twice", quoted(a.name.as_deref()?)))
        }
        _ => None,
    }
}

fn schedule(mut fields: Fields) -> Result<ScheduleHook, ManifestError> {
    fields.rename("schedule hook");
    fields.check_keys(&["cron", "timezone", "overlap", "missed", "input", "name"], |_| None)?;
    const CRON: &str =
        "Write five fields, six with leading seconds, or @hourly, @daily, @weekly, @monthly, @yearly or @every 30s.";
    let cron = fields.need("cron")?.parsed(|text| is_cron(text).then(|| text.trim().to_owned()), CRON)?;
    Ok(ScheduleHook {
        cron,
        timezone: match fields.take("timezone") {
            Some(field) => field.text_like(is_timezone, "must be the name of a time zone")?,
            None => "UTC".to_owned(),
        },
        overlap: fields.take("overlap").map_or(Ok(Overlap::Skip), |field| field.choice(OVERLAP))?,
        missed: fields.take("missed").map_or(Ok(Missed::Once), |field| field.choice(MISSED))?,
        input: fields.take("input").map_or_else(|| Ok(serde_json::json!({})), Field::json_object)?,
        name: name(&mut fields)?,
        line: fields.at.line,
        column: fields.at.column,
    })
}

/// The outline of a cron text; ranges and names are checked where it is scheduled.
fn is_cron(text: &str) -> bool {
    const NICKNAMES: &[&str] = &["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    let fields: Vec<&str> = text.split_whitespace().collect();
    let is_field = |field: &&str| {
        field.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'*' | b'/' | b',' | b'-' | b'?' | b'#'))
    };
    match fields.as_slice() {
        [word] => NICKNAMES.contains(word),
        ["@every", period] => units::duration_ms(period).is_some_and(|period_ms| period_ms > 0),
        _ => matches!(fields.len(), 5 | 6) && fields.iter().all(is_field),
    }
}

fn is_timezone(name: &str) -> bool {
    const LONGEST: usize = 64;
    (1..=LONGEST).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'))
}

fn http(mut fields: Fields) -> Result<HttpHook, ManifestError> {
    fields.rename("http hook");
    fields.check_keys(&["methods", "path", "auth", "name"], |_| None)?;
    let methods = match fields.take("methods") {
        Some(field) => {
            let empty = field.error("must name at least one method");
            let methods = Field::distinct(field.one_or_more()?, |field| field.choice(METHODS))?;
            if methods.is_empty() {
                return Err(empty);
            }
            methods
        }
        None => vec![Method::Post],
    };
    Ok(HttpHook {
        methods,
        path: fields.take("path").map(|field| field.text_like(names::is_path, PATH_RULE)).transpose()?,
        auth: fields.take("auth").map_or(Ok(Auth::Required), |field| field.choice(AUTH))?,
        name: name(&mut fields)?,
        line: fields.at.line,
        column: fields.at.column,
    })
}

fn webhook(mut fields: Fields) -> Result<WebhookHook, ManifestError> {
    fields.rename("webhook hook");
    fields.check_keys(&["path", "verify", "name"], |_| None)?;
    let path = fields.need("path")?.text_like(names::is_path, PATH_RULE)?;
    let verify = verify(fields.need("verify")?.fields("verify")?)?;
    Ok(WebhookHook { path, verify, name: name(&mut fields)?, line: fields.at.line, column: fields.at.column })
}

fn verify(mut fields: Fields) -> Result<Verify, ManifestError> {
    const OF_HMAC: &[&str] = &["header", "algorithm", "encoding", "prefix", "timestamp_header", "id_header"];
    const SECRET_RULE: &str = "must be the name of a secret";
    let usual = ["scheme", "secret", "tolerance"];
    // A misspelt key is told as such before it is missed.
    fields.check_keys(&[&usual[..], OF_HMAC].concat(), |_| None)?;
    let scheme = fields.need("scheme")?.choice(SCHEMES)?;
    if scheme != Scheme::Hmac {
        fields.check_keys(&usual, |_| None)?;
    }
    let secret = fields.need("secret")?;
    let none = secret.error("must name at least one secret");
    let secrets = Field::distinct(secret.one_or_more()?, |field| field.text_like(names::is_variable, SECRET_RULE))?;
    if secrets.is_empty() {
        return Err(none);
    }
    let tolerance_s = match fields.take("tolerance") {
        Some(field) => field.parsed(tolerance, "Write a duration of 1s to 1h, as 5m.")?,
        None => USUAL_TOLERANCE_S,
    };
    let signature = (scheme == Scheme::Hmac).then(|| signature(&mut fields)).transpose()?;
    Ok(Verify { scheme, secrets, tolerance_s, signature })
}

fn tolerance(text: &str) -> Option<u32> {
    let seconds = units::duration_ms(text)? / 1000;
    u32::try_from(seconds).ok().filter(|seconds| (1..=3600).contains(seconds))
}

fn signature(fields: &mut Fields) -> Result<Signature, ManifestError> {
    let usual = Signature::default();
    let header = |field: Field| {
        field.text_like(names::is_header, "must be the name of a header").map(|name| name.to_ascii_lowercase())
    };
    Ok(Signature {
        header: fields.take("header").map_or(Ok(usual.header), header)?,
        algorithm: fields.take("algorithm").map_or(Ok(usual.algorithm), |field| field.choice(HASHES))?,
        encoding: fields.take("encoding").map_or(Ok(usual.encoding), |field| field.choice(ENCODINGS))?,
        prefix: fields.take("prefix").map_or(Ok(usual.prefix), |field| {
            field.text_like(
                |text| text.len() <= 64 && text.bytes().all(|b| b.is_ascii_graphic()),
                "must be visible ASCII",
            )
        })?,
        timestamp_header: fields.take("timestamp_header").map(header).transpose()?,
        id_header: fields.take("id_header").map(header).transpose()?,
    })
}

/// The optional name of a hook.
pub(super) fn name(fields: &mut Fields) -> Result<Option<String>, ManifestError> {
    let name = |field: Field| field.text_like(names::is_identifier, "must be an identifier of 1 to 63 bytes");
    fields.take("name").map(name).transpose()
}
