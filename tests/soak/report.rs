//! The run as text: the verdict first, then what it rests on.

use crate::crowd::Run;
use crate::ledger::Ledger;
use crate::memory;
use crate::plan::Plan;
use crate::watch::Kind;
use alyx_tests::Check;
use std::fmt::Write;

/// The report, in Markdown.
pub fn write(plan: &Plan, ledger: &Ledger, run: &Run, checks: &[Check], load_before: &str) -> String {
    let failed: Vec<&Check> = checks.iter().filter(|check| !check.holds).collect();
    let mut text = String::from("# Soak\n\n");
    let minutes = plan.duration.as_secs() / 60;
    let verdict = if failed.is_empty() {
        "passed".to_owned()
    } else {
        format!("FAILED: {}", failed.iter().map(|check| check.name.as_str()).collect::<Vec<_>>().join(", "))
    };
    let actions = ledger.actions();
    let number: u64 = actions.values().flat_map(|tally| tally.endings.values()).sum();
    line(&mut text, format_args!("{} clients, {minutes} min, {number} actions: **{verdict}**.\n", plan.clients));
    line(
        &mut text,
        format_args!("Load of the machine (one minute): {load_before} before, {} during the run.", run.load),
    );

    text.push_str("\n## Long-lived processes\n\nMean over the processes of a kind that lived through the second half: lowest value in each fortieth of the run, at first, half time and last, and the slope of the second half, the median of those between all pairs of points. Own memory is RssAnon; files are those that are no table's or index's.\n\n");
    text.push_str("| process | number | own memory, MB | kB/min | fastest | with shared, MB | open files | per min | mappings | per min |\n|---|--:|---|--:|--:|--:|---|--:|---|--:|\n");
    for group in memory::groups(run) {
        let (memory, files, mappings) = (&group.own_kb, &group.open_files, &group.mappings);
        line(
            &mut text,
            format_args!(
                "| {} | {} | {:.1} → {:.1} → {:.1} | {:.1} | {:.1} | {:.1} | {:.0} → {:.0} → {:.0} | {:.1} | {:.0} → {:.0} → {:.0} | {:.1} |",
                group.kind.name(),
                group.processes,
                memory.first / 1024.0,
                memory.half / 1024.0,
                memory.last / 1024.0,
                memory.per_minute,
                group.fastest_kb_per_minute,
                group.share_kb / 1024.0,
                files.first,
                files.half,
                files.last,
                files.per_minute,
                mappings.first,
                mappings.half,
                mappings.last,
                mappings.per_minute
            ),
        );
    }

    text.push_str("\n## What was done\n\nBy SQLSTATE; 57014 and 57P01 are also what killers and time limits make of any of them.\n\n| action | times | endings | longest, ms |\n|---|--:|---|--:|\n");
    for (name, tally) in &actions {
        let endings: Vec<String> = tally
            .endings
            .iter()
            .map(|(code, count)| if code == "00000" { format!("ok {count}") } else { format!("{code} {count}") })
            .collect();
        line(
            &mut text,
            format_args!(
                "| {name} | {} | {} | {} |",
                tally.endings.values().sum::<u64>(),
                endings.join(" · "),
                tally.longest.as_millis()
            ),
        );
    }

    text.push_str("\n## What must hold\n\n| check | found | |\n|---|---|---|\n");
    for Check { name, found, holds } in checks {
        let found = found.replace('|', "\\|").replace('\n', " ");
        line(
            &mut text,
            format_args!(
                "| {name} | {} | {} |",
                if found.is_empty() { "none" } else { &found },
                if *holds { "holds" } else { "**does not**" }
            ),
        );
    }
    text
}

/// What was seen of the long-lived processes, for who wants to draw it.
pub fn samples(run: &Run) -> String {
    let mut text = String::from("seconds,process,pid,own_kb,share_kb,open_files,mappings\n");
    for sample in run.samples.iter().filter(|sample| sample.kind != Kind::Passing) {
        line(
            &mut text,
            format_args!(
                "{:.1},{},{},{},{},{},{}",
                sample.at.as_secs_f64(),
                sample.kind.name(),
                sample.pid,
                sample.own_kb,
                sample.share_kb,
                sample.open_files,
                sample.mappings
            ),
        );
    }
    text
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}
