//! Who asks, and the role that the request runs as: PostgREST's conventions (`request.*` settings, SET LOCAL ROLE).

use std::borrow::Cow;
use std::collections::BTreeMap;

use alyx_manifest::{Auth, Hook, HttpHook, Method};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Message, parse};
use crate::catalog::Function;
use crate::error::Error;
use crate::pg::session::set_local;
use crate::pg::{Call, PgError, Reply, confine};

/// What the gateway knows of the request's token.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Token {
    /// One of the gateway's keys has signed it, and it is in force.
    Valid,
    /// There is none.
    Absent,
    /// There is one that proves nothing.
    Invalid,
}

/// Who asks.
#[derive(Deserialize)]
pub(super) struct Caller<'a> {
    token: Token,
    /// The role that the token names.
    role: Option<String>,
    /// The token's claims, a JSON object.
    #[serde(borrow)]
    claims: Option<&'a RawValue>,
    /// The role of those who do not say who they are.
    anonymous: Option<String>,
}

impl Caller<'_> {
    /// Makes the transaction the caller's, up to its end: settings first, then the role, then whether it may write.
    ///
    /// # Errors
    /// PT401 for a caller who has to say who they are, 42501 for a role that this session may not take.
    pub(super) fn enter(&self, message: &Message<'_>, as_nobody: bool) -> Result<(), PgError> {
        let is_known = self.token == Token::Valid && !as_nobody;
        let role = match (self.token, is_known) {
            (Token::Invalid, _) if !as_nobody => {
                return Err(Error::NotSignedIn { why: "the token is not valid" }.into());
            }
            (_, true) => self.role.as_ref().or(self.anonymous.as_ref()),
            (_, false) => self.anonymous.as_ref(),
        };
        let Some(role) = role else {
            let why = if is_known { "the token names no role" } else { "a token is needed" };
            return Err(Error::NotSignedIn { why }.into());
        };
        let claims = self.claims.filter(|_| is_known).map_or("{}", RawValue::get);
        let claims = with_role(claims, role);
        confine(|| {
            set_local("request.method", &message.method)?;
            set_local("request.path", &message.path)?;
            set_local("request.headers", message.headers.get())?;
            set_local("request.cookies", &cookies(message.headers))?;
            set_local("request.jwt.claims", &claims)?;
            take(role)?;
            match is_safe(&message.method) {
                true => set_local("transaction_read_only", "on"),
                false => Ok(()),
            }
        })
    }

    /// Whether it is known who asks.
    pub(super) fn is_known(&self) -> bool {
        self.token == Token::Valid
    }

    /// The claim `sub`: whom the caller's own idempotency keys belong to.
    pub(super) fn subject(&self) -> String {
        #[derive(Deserialize)]
        struct Claims<'a> {
            #[serde(borrow)]
            sub: Option<&'a RawValue>,
        }
        let claims = self.claims.filter(|_| self.is_known());
        let claims = claims.and_then(|claims| serde_json::from_str::<Claims<'_>>(claims.get()).ok());
        claims.and_then(|claims| claims.sub).map(|sub| sub.get().to_owned()).unwrap_or_default()
    }
}

/// The claims with the role that was taken: policies look for it there, as in PostgREST, whatever else the token says.
fn with_role(claims: &str, role: &str) -> String {
    let mut claims: serde_json::Map<String, serde_json::Value> = serde_json::from_str(claims).unwrap_or_default();
    claims.insert("role".to_owned(), role.into());
    serde_json::Value::Object(claims).to_string()
}

/// Methods that change nothing (RFC 9110 §9.2.1).
fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD")
}

/// SET LOCAL ROLE, for a name that came with a token.
fn take(role: &str) -> Result<(), PgError> {
    let refused = |detail: String| -> PgError {
        let mut error: PgError =
            Error::NotAllowed { message: format!("role \"{role}\" cannot be taken"), hint: None }.into();
        error.detail = Some(detail);
        error
    };
    // To SET ROLE, "none" is the session's own role.
    if role.eq_ignore_ascii_case("none") || role.is_empty() {
        return Err(refused("It is the name of no role.".to_owned()));
    }
    set_local("role", role).map_err(|error| match matches!(&error.sqlstate.class(), b"22" | b"42") {
        true => refused(format!("{}.", capitalised(&error.message))),
        false => error,
    })
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The header `cookie` as a JSON object.
fn cookies(headers: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Headers<'a> {
        #[serde(borrow)]
        cookie: Option<Cow<'a, str>>,
    }
    let headers = serde_json::from_str::<Headers<'_>>(headers.get()).ok();
    let cookie = headers.and_then(|headers| headers.cookie).unwrap_or_default();
    let pairs = cookie.split(';').filter_map(|pair| pair.trim().split_once('='));
    let cookies: BTreeMap<&str, &str> = pairs.collect();
    serde_json::to_string(&cookies).unwrap_or_default()
}

/// What a function's manifest says of a method at a path below the function's route.
pub(super) enum Way {
    /// A role that may EXECUTE the function may go there.
    Granted,
    /// So may anybody, known or not.
    Open,
    /// Everybody goes there as nobody.
    Nobody,
}

/// The way that a request takes into a function.
///
/// # Errors
/// PT404 for a path that leads nowhere, PT405 for a method that its path does not have.
pub(super) fn way(function: &Function, route: Option<&str>, method: &str) -> Result<Way, PgError> {
    let hooks = function.manifest.hooks.iter().filter_map(|hook| match hook {
        Hook::Http(hook) if hook.path.as_deref() == route => Some(hook),
        _ => None,
    });
    let hooks: Vec<&HttpHook> = hooks.collect();
    let of_method = hooks.iter().find(|hook| hook.methods.iter().any(|allowed| serves(*allowed, method)));
    match of_method.map(|hook| hook.auth) {
        Some(Auth::Required) => return Ok(Way::Granted),
        Some(Auth::Optional) => return Ok(Way::Open),
        Some(Auth::None) => return Ok(Way::Nobody),
        None => {}
    }
    // No hook is needed for a POST to the function itself.
    let has_own = route.is_none();
    if has_own && method == "POST" {
        return Ok(Way::Granted);
    }
    if hooks.is_empty() && !has_own {
        return Err(Error::NoRoute { path: format!("{}/{}", function.name, route.unwrap_or_default()) }.into());
    }
    let mut allowed: Vec<&str> = hooks.iter().flat_map(|hook| &hook.methods).map(|method| word(*method)).collect();
    allowed.extend(has_own.then_some("POST"));
    allowed.extend(allowed.contains(&"GET").then_some("HEAD"));
    allowed.sort_unstable();
    allowed.dedup();
    Err(Error::NoMethod { method: method.to_owned(), allowed: allowed.join(", ") }.into())
}

fn serves(allowed: Method, method: &str) -> bool {
    word(allowed) == method || allowed == Method::Get && method == "HEAD"
}

pub(super) fn word(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    }
}

/// `_http_assume(request text)`: the rest of the transaction is the caller's. For what the gateway asks by plain SQL.
pub(in crate::api) fn assume(call: &mut Call<'_>) -> Result<Reply, PgError> {
    #[derive(Deserialize)]
    struct Request<'a> {
        #[serde(borrow)]
        caller: Caller<'a>,
        #[serde(borrow)]
        message: Message<'a>,
    }
    let text = crate::api::required(call, 0, "request")?;
    let request: Request<'_> = parse(&text)?;
    request.caller.enter(&request.message, false)?;
    Ok(Reply::VOID)
}
