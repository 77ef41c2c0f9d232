//! What statistics look like from SQL: counters of all starts of the server added up, for the functions that the current
//! role may see.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::catalog::as_owner;
use crate::error::Error;
use crate::pg::inval::find_catalog;
use crate::pg::spi::{self, Cell};
use crate::pg::{Call, PgError, Reply, Role, TypeId, current_role};
use crate::record::{self, Counters};

const NS_PER_MS: f64 = 1e6;

/// `_read_statistics()` → one row for each function.
pub(super) fn statistics(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let Some(boot) = record::boot() else { return set(call, Vec::new()) };
    let live = record::live();
    let none = Counters::default();
    let rows = as_owner(|| spi::query(include_str!("../../sql/queries/read_statistics.sql"), &[]))?;
    let is_visible = visibility()?;
    let mut found = Vec::new();
    for row in rows {
        let mut cells = row.into_iter();
        let mut next = || cells.next().unwrap_or(Cell::Null);
        let (id, name, owner) = (next().parse::<i64>().unwrap_or(0), next().text(), role(next()));
        if !is_visible(owner) {
            continue;
        }
        let is_same = next().parse() == Some(boot);
        let [base, current] = [next(), next()].map(|cell| Counters::from_array(&cell.text()));
        let since = next().text();
        let before = if is_same { base } else { base.plus(&current) };
        let now = live.iter().find(|one| one.function == id).map_or(&none, |one| &one.counters);
        let total = before.plus(now);
        let calls = total.calls();
        let mut row = times(&total);
        row["function"] = json!(name);
        #[allow(clippy::cast_precision_loss, reason = "a mean in milliseconds")]
        if calls > 0 {
            row["mean_ms"] = json!(total.duration_ns as f64 / calls as f64 / NS_PER_MS);
        }
        row["peak_memory_bytes"] = json!(total.memory_bytes);
        row["lost_records"] = json!(total.lost);
        row["since"] = serde_json::from_str(&since).unwrap_or(Value::Null);
        found.push(row);
    }
    set(call, found)
}

/// `_read_minutes()` → one row for each function and minute.
pub(super) fn minutes(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let rows = as_owner(|| spi::query(include_str!("../../sql/queries/read_minutes.sql"), &[]))?;
    let is_visible = visibility()?;
    // Ordered by function and minute: what belongs together is together.
    let mut totals: Vec<(String, String, Counters)> = Vec::new();
    for row in rows {
        let mut cells = row.into_iter();
        let mut next = || cells.next().unwrap_or(Cell::Null);
        let (name, owner, minute) = (next().text(), role(next()), next().text());
        let counters = Counters::from_array(&next().text());
        match totals.last_mut() {
            Some(last) if last.0 == name && last.1 == minute => last.2 = last.2.plus(&counters),
            _ if is_visible(owner) => totals.push((name, minute, counters)),
            _ => {}
        }
    }
    let rows = totals.into_iter().map(|(name, minute, counters)| {
        let mut row = times(&counters);
        row["function"] = json!(name);
        row["minute"] = serde_json::from_str(&minute).unwrap_or(Value::Null);
        row
    });
    set(call, rows.collect())
}

fn role(cell: Cell) -> Role {
    Role::from_oid(cell.parse().unwrap_or(0))
}

/// Whether the current role sees what another owns: as `alyx._is_visible` says it in SQL.
fn visibility() -> Result<impl Fn(Role) -> bool, PgError> {
    let me = current_role();
    let (_, owner) = find_catalog()?;
    let sees_all = me.has_rights_of(owner);
    Ok(move |other: Role| sees_all || me.has_rights_of(other))
}

fn times(counters: &Counters) -> Value {
    json!({
        "calls": counters.calls(),
        "errors": counters.errors,
        "traps": counters.traps,
        "timeouts": counters.timeouts,
        "rows": counters.rows,
        "p50_ms": quantile(counters, 0.5),
        "p95_ms": quantile(counters, 0.95),
        "p99_ms": quantile(counters, 0.99),
        "max_ms": longest(counters),
    })
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds to look at")]
fn longest(counters: &Counters) -> Option<f64> {
    (counters.calls() > 0).then_some(counters.longest_ns as f64 / NS_PER_MS)
}

/// No quantile is shown above the longest call, which is known exactly.
fn quantile(counters: &Counters, share: f64) -> Option<f64> {
    let ms = record::quantile_ns(&counters.histogram, share)? / NS_PER_MS;
    longest(counters).map(|longest| ms.min(longest))
}

fn set(call: &mut Call<'_>, rows: Vec<Value>) -> Result<Reply, PgError> {
    let text = Value::Array(rows).to_string();
    let json = RawValue::from_string(text).map_err(|error| PgError::from(Error::Internal(error.to_string())))?;
    Reply::set(call, TypeId::RECORD, &json)
}
