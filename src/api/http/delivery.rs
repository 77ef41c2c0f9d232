//! A webhook: the delivery proves where it comes from, and becomes a job of the function's owner, once.
//!
//! Proof is asked for here and not in the gateway, which could not read the secret.

use alyx_manifest::{Encoding, Hash, Hook, Scheme, Verify, WebhookHook};
use alyx_secret::Zeroizing;
use alyx_webhook::{Algorithm, Delivery, Hmac};
use serde::Deserialize;
use serde_json::json;

use super::{Message, arguments, parse};
use crate::api::reply;
use crate::catalog::{self, Function, as_owner};
use crate::error::Error;
use crate::host::{key_file, unreadable, unusable};
use crate::invoke::{self, InvocationId};
use crate::pg::spi::{self, Param};
use crate::pg::{Call, PgError, Reply, clock};

#[derive(Deserialize)]
struct Request<'a> {
    /// Path below `/webhooks/v1/`.
    route: String,
    /// All headers, in order; names in lower case.
    fields: Vec<(String, String)>,
    #[serde(borrow)]
    message: Message<'a>,
}

/// `_http_deliver(request text, body bytea)` → `{"id", "duplicate"}`: the job, made now or by the same delivery before.
pub(in crate::api) fn deliver(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let (text, body) = arguments(call)?;
    let request: Request<'_> = parse(&text)?;
    let sql = include_str!("../../../sql/queries/find_webhook.sql");
    let rows = as_owner(|| spi::query_kept(sql, &[Param::Text(Some(&request.route))]))?;
    let nowhere = || PgError::from(Error::NoRoute { path: request.route.clone() });
    let name = rows.into_iter().flatten().next().and_then(spi::Cell::some).ok_or_else(nowhere)?;
    let function = catalog::find(&name)?;
    let hook = function.manifest.hooks.iter().find_map(|hook| match hook {
        Hook::Webhook(hook) if hook.path == request.route => Some(hook),
        _ => None,
    });
    let hook = hook.ok_or_else(nowhere)?;
    let proved = prove(&function, hook, &request.fields, &body)?;
    let id = InvocationId::new();
    if remember(&function, hook, &proved, id)? {
        invoke::enqueue_delivery(&function, id, &request.message.with(&body))?;
        return reply(&json!({ "id": id.to_string(), "duplicate": false }));
    }
    let before = find(&function, hook, &proved)?;
    let before = before.ok_or_else(|| Error::Internal("a delivery is known and is not".to_owned()))?;
    reply(&json!({ "id": before.to_string(), "duplicate": true }))
}

/// The delivery's id, once one of the hook's secrets has signed it.
fn prove(function: &Function, hook: &WebhookHook, fields: &[(String, String)], body: &[u8]) -> Result<String, PgError> {
    let secrets = hook.verify.secrets.iter().map(|key| open(function, key)).collect::<Result<Vec<_>, _>>()?;
    let secrets: Vec<&str> = secrets.iter().map(|secret| secret.as_str()).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let delivery = Delivery {
        headers: &fields,
        body,
        now_s: clock::now_us().div_euclid(1_000_000),
        tolerance_s: hook.verify.tolerance_s,
    };
    match alyx_webhook::verify(&scheme(&hook.verify), &secrets, &delivery) {
        Ok(verified) => Ok(verified.id),
        Err(alyx_webhook::Refused::BadSecret(at)) => Err(Error::SecretsUnavailable {
            message: format!(
                "secret \"{}\" is no key of webhook \"{}\"",
                hook.verify.secrets.get(at).map_or("", String::as_str),
                hook.path
            ),
            hint: "Set it as the sender shows it.".to_owned(),
        }
        .into()),
        Err(alyx_webhook::Refused::NoSecret) => Err(Error::Internal("a webhook has no secret".to_owned()).into()),
        Err(refused) => Err(Error::NotProved { why: refused.to_string() }.into()),
    }
}

fn open(function: &Function, key: &str) -> Result<Zeroizing<String>, PgError> {
    let Some(sealed) = function.webhook_secrets.get(key) else {
        return Err(Error::SecretsUnavailable {
            message: format!("function \"{}\" was not granted secret \"{key}\"", function.name),
            hint: format!("The owner of the secret can: SELECT fn_grant_secret('{key}', '{}').", function.name),
        }
        .into());
    };
    let keys = key_file().read().map_err(|error| unusable(&error))?;
    keys.open(key, sealed).map_err(|why| unreadable(key, why))
}

fn scheme(verify: &Verify) -> alyx_webhook::Scheme {
    match (verify.scheme, &verify.signature) {
        (Scheme::Standard, _) => alyx_webhook::Scheme::Standard,
        (Scheme::Stripe, _) => alyx_webhook::Scheme::Stripe,
        (Scheme::Github, _) => alyx_webhook::Scheme::Github,
        (Scheme::Hmac, signature) => {
            let signature = signature.clone().unwrap_or_default();
            alyx_webhook::Scheme::Hmac(Hmac {
                header: signature.header,
                algorithm: match signature.algorithm {
                    Hash::Sha256 => Algorithm::Sha256,
                    Hash::Sha512 => Algorithm::Sha512,
                },
                encoding: match signature.encoding {
                    Encoding::Hex => alyx_webhook::Encoding::Hex,
                    Encoding::Base64 => alyx_webhook::Encoding::Base64,
                },
                prefix: signature.prefix,
                timestamp_header: signature.timestamp_header,
                id_header: signature.id_header,
            })
        }
    }
}

fn find(function: &Function, hook: &WebhookHook, id: &str) -> Result<Option<InvocationId>, PgError> {
    let sql = include_str!("../../../sql/queries/find_delivery.sql");
    let params = [Param::Big(function.id), Param::Text(Some(&hook.path)), Param::Text(Some(id))];
    let rows = as_owner(|| spi::query_latest(sql, &params))?;
    Ok(rows.into_iter().flatten().next().and_then(spi::Cell::parse))
}

/// Remembers a delivery for a week; false when it is known. Waits for a transaction that is about to make it known.
fn remember(function: &Function, hook: &WebhookHook, id: &str, job: InvocationId) -> Result<bool, PgError> {
    let sql = include_str!("../../../sql/queries/keep_delivery.sql");
    let job = job.to_string();
    let params =
        [Param::Big(function.id), Param::Text(Some(&hook.path)), Param::Text(Some(id)), Param::Text(Some(&job))];
    let rows = as_owner(|| spi::query_kept(sql, &params))?;
    Ok(!rows.is_empty())
}
