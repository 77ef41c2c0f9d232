//! One record as words of the ring: how it is written, and how it is read again.

use alyx_runtime::LogLevel;

use super::id::InvocationId;
use super::ring::Ring;
use crate::pg::SqlState;

/// Bytes kept of an error's message.
const MAX_ERROR_BYTES: usize = 1024;
/// Bytes kept of an export's name.
const MAX_NAME_BYTES: usize = 255;
/// Bytes kept of all log lines of one invocation, with [`LINE_BYTES`] for each.
const MAX_LOG_BYTES: usize = 16 * 1024;
/// What a log line takes beside its text: level, length, time.
const LINE_BYTES: usize = 11;
/// Words of an entry before its texts.
const FIXED_WORDS: usize = 11;
/// Stands at the end of a text that was cut.
const CUT: &str = " [cut]";

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// It gave a result.
    Ok,
    /// It failed with an error.
    Error,
    /// The guest trapped.
    Trap,
    /// Its own time limit passed.
    Timeout,
    /// Its statement or session was cancelled.
    Canceled,
    /// It needed more than it may have.
    Limit,
}

/// What led to an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Trigger {
    /// An SQL call, or a call of another function.
    Sql,
    /// A row, statement or event trigger.
    Database,
    /// A job.
    Queue,
    /// A job that a schedule made.
    Schedule,
    /// A request from the web.
    Http,
    /// A job that a delivery from another service made.
    Webhook,
}

impl Status {
    const ALL: [Self; 6] = [Self::Ok, Self::Error, Self::Trap, Self::Timeout, Self::Canceled, Self::Limit];

    /// As `alyx.invocations` shows it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Trap => "trap",
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Limit => "limit",
        }
    }
}

impl Trigger {
    const ALL: [Self; 6] = [Self::Sql, Self::Database, Self::Queue, Self::Schedule, Self::Http, Self::Webhook];

    /// As events and `alyx.invocations` show it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Database => "database",
            Self::Queue => "queue",
            Self::Schedule => "schedule",
            Self::Http => "http",
            Self::Webhook => "webhook",
        }
    }

    /// The event's block that belongs to it, where it has one.
    pub fn block(self) -> Option<&'static str> {
        match self {
            Self::Sql | Self::Queue => None,
            Self::Http | Self::Webhook => Some("http"),
            Self::Database | Self::Schedule => Some(self.word()),
        }
    }
}

/// What a line of a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What the guest logged, this loud.
    Log(LogLevel),
    /// What went in.
    Input,
    /// What came out.
    Output,
}

/// One line of a record.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it is.
    pub kind: Kind,
    /// Microseconds since 1970.
    pub at_us: u64,
    /// What it says.
    pub text: String,
}

impl Line {
    const KINDS: [(Kind, &str); 6] = [
        (Kind::Log(LogLevel::Debug), "debug"),
        (Kind::Log(LogLevel::Info), "info"),
        (Kind::Log(LogLevel::Warn), "warn"),
        (Kind::Log(LogLevel::Error), "error"),
        (Kind::Input, "input"),
        (Kind::Output, "output"),
    ];

    fn kind_number(&self) -> u8 {
        match self.kind {
            Kind::Log(LogLevel::Trace | LogLevel::Debug | LogLevel::Off) => 0,
            Kind::Log(LogLevel::Info) => 1,
            Kind::Log(LogLevel::Warn) => 2,
            Kind::Log(LogLevel::Error) => 3,
            Kind::Input => 4,
            Kind::Output => 5,
        }
    }

    /// As `alyx.logs` and `alyx.payloads` show it.
    pub fn word(&self) -> &'static str {
        Self::KINDS.get(usize::from(self.kind_number())).map_or("info", |(_, word)| word)
    }
}

/// The part of an entry that is the same for all invocations of a function's export: both names, as words.
#[derive(Debug)]
pub(super) struct Label {
    words: Box<[u64]>,
    name_bytes: u64,
    export_bytes: u64,
}

impl Label {
    pub(super) fn new(name: &str, export: &str) -> Self {
        let (name, export) = (cut(name, MAX_NAME_BYTES), cut(export, MAX_NAME_BYTES));
        let words = to_words(format!("{name}{export}").as_bytes()).into();
        Self { words, name_bytes: length(name), export_bytes: length(export) }
    }
}

/// The numbers of an entry.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Whose record it is.
    pub id: InvocationId,
    /// The function.
    pub function: i64,
    /// Its version.
    pub version: i32,
    /// OID of the role that called.
    pub role: u32,
    /// What led to it.
    pub trigger: Trigger,
    /// Which try of a job it was, from 1.
    pub attempt: u16,
    /// How it ended.
    pub status: Status,
    /// With which code, when it failed.
    pub sqlstate: Option<SqlState>,
    /// How long it took.
    pub duration_ns: u64,
    /// Most memory it held.
    pub memory_bytes: u64,
    /// Host functions that it called.
    pub host_calls: u32,
    /// Rows that its statements returned or changed.
    pub rows: u64,
    /// When it began, in microseconds since 1970.
    pub started_us: u64,
    /// The process it ran in.
    pub pid: u32,
}

/// Writes an entry; false when there is no room.
#[inline]
pub(super) fn write(ring: &Ring<'_>, facts: &Facts, label: &Label, error: &str, logs: &[Line]) -> bool {
    // The hot path has no text, and then nothing is allocated.
    let mut text = Vec::new();
    if !error.is_empty() {
        text.extend_from_slice(clean(error, MAX_ERROR_BYTES).as_bytes());
    }
    let error_bytes = text.len();
    if !logs.is_empty() {
        write_logs(&mut text, logs, MAX_LOG_BYTES.min(ring.longest_entry() * size_of::<u64>() / 2));
    }
    let text_words = if text.is_empty() { Vec::new() } else { to_words(&text) };
    let Some(mut entry) = ring.reserve(FIXED_WORDS + label.words.len() + text_words.len()) else { return false };
    let id = u128::from_be_bytes(facts.id.0);
    let log_bytes = text.len().saturating_sub(error_bytes);
    #[allow(clippy::cast_possible_truncation, reason = "the two halves of an id")]
    let (high, low) = ((id >> 64) as u64, id as u64);
    let sqlstate = facts.sqlstate.map_or(0, SqlState::bits);
    let kind = u64::from(sqlstate) << 32
        | u64::from(facts.attempt) << 16
        | u64::from(facts.trigger as u8) << 8
        | u64::from(facts.status as u8);
    let lengths = label.name_bytes << 56 | label.export_bytes << 48 | to_u64(error_bytes) << 32 | to_u64(log_bytes);
    entry.put(&[
        high,
        low,
        facts.function.cast_unsigned(),
        u64::from(facts.version.cast_unsigned()) << 32 | u64::from(facts.role),
        kind,
        facts.duration_ns,
        facts.memory_bytes,
        u64::from(facts.pid) << 32 | u64::from(facts.host_calls),
        facts.rows,
        facts.started_us,
        lengths,
    ]);
    entry.put(&label.words);
    entry.put(&text_words);
    entry.publish();
    true
}

/// The one door through which text enters a record: what must not be seen is to be taken out here, and only here.
fn clean(text: &str, most_bytes: usize) -> String {
    // No text of Postgres has a zero byte.
    let mut kept = cut(text, most_bytes).replace('\0', "\u{FFFD}");
    if kept.len() > most_bytes || text.len() > most_bytes {
        kept.truncate(cut(&kept, most_bytes).len());
        kept.push_str(CUT);
    }
    kept
}

fn cut(text: &str, most_bytes: usize) -> &str {
    let mut end = text.len().min(most_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Level, length, time and text of each line, while there is room; the last one that fits in part is cut.
fn write_logs(out: &mut Vec<u8>, logs: &[Line], most_bytes: usize) {
    let mut room = most_bytes;
    for line in logs {
        let Some(text_room) = room.checked_sub(LINE_BYTES + CUT.len()).filter(|left| *left > 0) else { break };
        let text = clean(&line.text, text_room);
        out.push(line.kind_number());
        out.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(&line.at_us.to_le_bytes());
        out.extend_from_slice(text.as_bytes());
        room = room.saturating_sub(LINE_BYTES + text.len());
    }
}

fn to_words(bytes: &[u8]) -> Vec<u64> {
    let words = bytes.chunks(size_of::<u64>()).map(|chunk| {
        let mut word = [0; size_of::<u64>()];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(word)
    });
    words.collect()
}

fn length(text: &str) -> u64 {
    to_u64(text.len())
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// An entry, read.
#[derive(Debug)]
pub struct Entry {
    /// Its numbers.
    pub facts: Facts,
    /// The function's name when it was called.
    pub name: String,
    /// The export.
    pub export: String,
    /// The error's message, when it failed.
    pub error: Option<String>,
    /// What went in and came out, as far as it is kept, and what the guest logged.
    pub logs: Vec<Line>,
}

impl Entry {
    /// Reads what [`write`] wrote; `None` for words that it cannot have written.
    pub(super) fn read(words: &[u64]) -> Option<Self> {
        let (fixed, text) = words.split_first_chunk::<FIXED_WORDS>()?;
        let [high, low, function, version_role, kind, duration_ns, memory_bytes, pid_calls, rows, started_us, lengths] =
            *fixed;
        let bytes: Vec<u8> = text.iter().flat_map(|word| word.to_le_bytes()).collect();
        let [names, rest] = [lengths >> 48, lengths & 0xFFFF_FFFF_FFFF].map(|part| usize::try_from(part).unwrap_or(0));
        let (name_bytes, export_bytes) = (names >> 8, names & 0xFF);
        let (label, text) = bytes.split_at_checked((name_bytes + export_bytes).next_multiple_of(size_of::<u64>()))?;
        let (name, export) = label.split_at_checked(name_bytes)?;
        let (error, logs) = text.split_at_checked(rest >> 32)?;
        let facts = Facts {
            id: InvocationId((u128::from(high) << 64 | u128::from(low)).to_be_bytes()),
            function: function.cast_signed(),
            version: upper(version_role).cast_signed(),
            role: lower(version_role),
            trigger: *Trigger::ALL.get(usize::from(byte(kind, 1)))?,
            attempt: u16::from_le_bytes([byte(kind, 2), byte(kind, 3)]),
            status: *Status::ALL.get(usize::from(byte(kind, 0)))?,
            sqlstate: Some(upper(kind)).filter(|code| *code != 0).map(SqlState::from_bits),
            duration_ns,
            memory_bytes,
            host_calls: lower(pid_calls),
            rows,
            started_us,
            pid: upper(pid_calls),
        };
        Some(Self {
            facts,
            name: to_text(name),
            export: to_text(export.get(..export_bytes)?),
            error: (facts.status != Status::Ok).then(|| to_text(error)),
            logs: read_logs(logs.get(..rest & 0xFFFF_FFFF)?),
        })
    }
}

fn read_logs(mut bytes: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    while let Some(([kind, low, high, time @ ..], rest)) = bytes.split_first_chunk::<LINE_BYTES>() {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let Some((text, after)) = rest.split_at_checked(length) else { break };
        let kind = Line::KINDS.get(usize::from(*kind)).map_or(Kind::Log(LogLevel::Info), |(kind, _)| *kind);
        lines.push(Line { kind, at_us: u64::from_le_bytes(*time), text: to_text(text) });
        bytes = after;
    }
    lines
}

fn to_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn byte(word: u64, at: usize) -> u8 {
    word.to_le_bytes().get(at).copied().unwrap_or(0)
}

fn upper(word: u64) -> u32 {
    u32::try_from(word >> 32).unwrap_or(0)
}

fn lower(word: u64) -> u32 {
    u32::try_from(word & 0xFFFF_FFFF).unwrap_or(0)
}
