//! Entries of the ring as rows: one statement for the records, one for the log lines, a column at a time.

use super::partitions::{self, Need};
use crate::pg::PgError;
use crate::pg::spi::{self, Param};
use crate::pg::storable;
use crate::record::{Entry, Kind, Line, Status};

/// Stores entries. As the extension's owner.
pub(super) fn store(entries: &[Entry]) -> Result<(), PgError> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut needs: Vec<Need> = entries
        .iter()
        .flat_map(|entry| {
            let failed = entry.facts.status != Status::Ok;
            let logs = entry.logs.iter().map(move |line| Need::log(failed, line.at_us));
            logs.chain([Need::invocation(failed, entry.facts.started_us)])
        })
        .collect();
    needs.sort_unstable();
    needs.dedup();
    partitions::make(&needs)?;
    store_invocations(entries)?;
    store_logs(entries)
}

fn store_invocations(entries: &[Entry]) -> Result<(), PgError> {
    let ids: Vec<String> = entries.iter().map(|entry| entry.facts.id.to_string()).collect();
    let codes: Vec<Option<String>> =
        entries.iter().map(|entry| entry.facts.sqlstate.map(|code| code.to_string())).collect();
    let names: Vec<_> = entries.iter().map(|entry| storable(&entry.name)).collect();
    let exports: Vec<_> = entries.iter().map(|entry| storable(&entry.export)).collect();
    let errors: Vec<_> = entries.iter().map(|entry| entry.error.as_deref().map(storable)).collect();
    let facts = || entries.iter().map(|entry| &entry.facts);

    let ids: Vec<Option<&str>> = ids.iter().map(|id| Some(id.as_str())).collect();
    let codes: Vec<Option<&str>> = codes.iter().map(Option::as_deref).collect();
    let names: Vec<Option<&str>> = names.iter().map(|name| Some(&**name)).collect();
    let exports: Vec<Option<&str>> = exports.iter().map(|export| Some(&**export)).collect();
    let errors: Vec<Option<&str>> = errors.iter().map(Option::as_deref).collect();
    let triggers: Vec<Option<&str>> = facts().map(|facts| Some(facts.trigger.word())).collect();
    let statuses: Vec<Option<&str>> = facts().map(|facts| Some(facts.status.word())).collect();

    let functions: Vec<i64> = facts().map(|facts| facts.function).collect();
    let versions: Vec<i64> = facts().map(|facts| facts.version.into()).collect();
    let roles: Vec<i64> = facts().map(|facts| facts.role.into()).collect();
    let durations: Vec<i64> = facts().map(|facts| big(facts.duration_ns)).collect();
    let memory: Vec<i64> = facts().map(|facts| big(facts.memory_bytes)).collect();
    let calls: Vec<i64> = facts().map(|facts| i64::from(facts.host_calls).min(i32::MAX.into())).collect();
    let rows: Vec<i64> = facts().map(|facts| big(facts.rows)).collect();
    let attempts: Vec<i64> = facts().map(|facts| facts.attempt.into()).collect();
    let started: Vec<i64> = facts().map(|facts| big(facts.started_us)).collect();
    let pids: Vec<i64> = facts().map(|facts| facts.pid.into()).collect();
    let params = [
        Param::Texts(&ids),
        Param::Texts(&names),
        Param::Texts(&exports),
        Param::Texts(&triggers),
        Param::Texts(&statuses),
        Param::Texts(&codes),
        Param::Texts(&errors),
        Param::Bigs(&functions),
        Param::Bigs(&versions),
        Param::Bigs(&roles),
        Param::Bigs(&durations),
        Param::Bigs(&memory),
        Param::Bigs(&calls),
        Param::Bigs(&rows),
        Param::Bigs(&attempts),
        Param::Bigs(&started),
        Param::Bigs(&pids),
    ];
    spi::query_kept(include_str!("../../../sql/queries/store_invocations.sql"), &params).map(drop)
}

fn store_logs(entries: &[Entry]) -> Result<(), PgError> {
    // Log lines are numbered; what went in and came out stands under the attempt.
    let lines: Vec<(&Entry, i64, &Line)> = entries
        .iter()
        .flat_map(|entry| {
            let mut number = 0;
            entry.logs.iter().map(move |line| {
                let is_log = matches!(line.kind, Kind::Log(_));
                number += i64::from(is_log);
                (entry, if is_log { number } else { entry.facts.attempt.into() }, line)
            })
        })
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = lines.iter().map(|(entry, ..)| entry.facts.id.to_string()).collect();
    let names: Vec<_> = lines.iter().map(|(entry, ..)| storable(&entry.name)).collect();
    let messages: Vec<_> = lines.iter().map(|(.., line)| storable(&line.text)).collect();

    let failed: Vec<i64> = lines.iter().map(|(entry, ..)| i64::from(entry.facts.status != Status::Ok)).collect();
    let times: Vec<i64> = lines.iter().map(|(.., line)| big(line.at_us)).collect();
    let ids: Vec<Option<&str>> = ids.iter().map(|id| Some(id.as_str())).collect();
    let functions: Vec<i64> = lines.iter().map(|(entry, ..)| entry.facts.function).collect();
    let names: Vec<Option<&str>> = names.iter().map(|name| Some(&**name)).collect();
    let numbers: Vec<i64> = lines.iter().map(|(_, number, _)| *number).collect();
    let levels: Vec<Option<&str>> = lines.iter().map(|(.., line)| Some(line.word())).collect();
    let messages: Vec<Option<&str>> = messages.iter().map(|message| Some(&**message)).collect();
    let params = [
        Param::Bigs(&failed),
        Param::Bigs(&times),
        Param::Texts(&ids),
        Param::Bigs(&functions),
        Param::Texts(&names),
        Param::Bigs(&numbers),
        Param::Texts(&levels),
        Param::Texts(&messages),
    ];
    spi::query_kept(include_str!("../../../sql/queries/store_logs.sql"), &params).map(drop)
}

fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
