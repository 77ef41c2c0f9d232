//! A name server of the tests' own, on loopback: each answer is decided when the question comes, so that it may change.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A question for the addresses of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name, in lower case, without a dot at its end.
    pub name: String,
    /// Whether it is for IPv6 addresses.
    pub v6: bool,
    /// How often the same was asked before.
    pub before: usize,
}

/// An answer. Addresses of the kind that was not asked for are left out of it.
pub enum Answer {
    /// These addresses, for no time at all.
    Addresses(Vec<IpAddr>),
    /// The name is another name for the first, which has these addresses.
    Alias(&'static str, Vec<IpAddr>),
    /// There is no such name.
    Unknown,
    /// Nothing comes back.
    Silence,
}

impl Answer {
    /// One address.
    pub fn address(address: impl Into<IpAddr>) -> Answer {
        Answer::Addresses(vec![address.into()])
    }

    /// 127.0.0.1
    pub fn loopback() -> Answer {
        Answer::address(Ipv4Addr::LOCALHOST)
    }
}

/// A running name server. Its thread ends with the test process.
pub struct Names {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Question>>>,
}

impl Names {
    /// Starts one that answers as `answer` says.
    pub fn new(answer: impl Fn(&Question) -> Answer + Send + 'static) -> Names {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("the system has a port left");
        let address = socket.local_addr().expect("it is bound");
        let asked = Arc::new(Mutex::new(Vec::<Question>::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            let mut packet = [0; 1500];
            while let Ok((size, from)) = socket.recv_from(&mut packet) {
                let Some((mut question, end)) = parse(&packet[..size]) else { continue };
                {
                    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                    let same = |other: &&Question| other.name == question.name && other.v6 == question.v6;
                    question.before = log.iter().filter(same).count();
                    log.push(question.clone());
                }
                if let Some(reply) = reply(&packet[..end], question.v6, &answer(&question)) {
                    let _ = socket.send_to(&reply, from);
                }
            }
        });
        Names { address, asked }
    }

    /// One for which every name is 127.0.0.1.
    pub fn loopback() -> Names {
        Names::new(|_| Answer::loopback())
    }

    /// `address:port`, as `alyx_functions.http_resolver` takes it.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// All questions so far.
    pub fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often the IPv4 addresses of `name` were asked for.
    pub fn asked_for(&self, name: &str) -> usize {
        self.asked().iter().filter(|question| question.name == name && !question.v6).count()
    }
}

const HEADER_BYTES: usize = 12;
const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// The question of a packet, and where it ends.
fn parse(packet: &[u8]) -> Option<(Question, usize)> {
    let mut labels = Vec::new();
    let mut at = HEADER_BYTES;
    loop {
        let size = usize::from(*packet.get(at)?);
        at += 1;
        if size == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(packet.get(at..at + size)?).to_lowercase());
        at += size;
    }
    let kind = u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]);
    let question = Question { name: labels.join("."), v6: kind == AAAA, before: 0 };
    (kind == A || kind == AAAA).then_some((question, at + 4))
}

/// The answer to the question in `asked`, which is a packet up to the end of its question.
fn reply(asked: &[u8], v6: bool, answer: &Answer) -> Option<Vec<u8>> {
    const NAME_OF_THE_QUESTION: [u8; 2] = [0xc0, 12];
    let (alias, addresses): (Option<&str>, &[IpAddr]) = match answer {
        Answer::Silence => return None,
        Answer::Unknown => (None, &[]),
        Answer::Addresses(addresses) => (None, addresses),
        Answer::Alias(name, addresses) => (Some(name), addresses),
    };
    let mut records = Vec::new();
    let mut owner = NAME_OF_THE_QUESTION.to_vec();
    if let Some(alias) = alias {
        let name = wire_name(alias);
        records.push(record(&owner, CNAME, &name));
        owner = name;
    }
    for address in addresses {
        match address {
            IpAddr::V4(address) if !v6 => records.push(record(&owner, A, &address.octets())),
            IpAddr::V6(address) if v6 => records.push(record(&owner, AAAA, &address.octets())),
            _ => {}
        }
    }
    let mut packet = asked.to_vec();
    let code = if matches!(answer, Answer::Unknown) { 3 } else { 0 };
    let count = u16::try_from(records.len()).ok()?.to_be_bytes();
    // A recursive server's answer: one question, these answers, nothing else.
    packet[2..HEADER_BYTES].copy_from_slice(&[0x81, 0x80 | code, 0, 1, count[0], count[1], 0, 0, 0, 0]);
    packet.extend(records.concat());
    Some(packet)
}

fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    const CLASS_AND_TIME_TO_LIVE: [u8; 6] = [0, 1, 0, 0, 0, 0];
    let size = u16::try_from(data.len()).expect("names are short").to_be_bytes();
    [owner, &kind.to_be_bytes(), &CLASS_AND_TIME_TO_LIVE, &size, data].concat()
}

fn wire_name(name: &str) -> Vec<u8> {
    let label = |label: &str| [&[u8::try_from(label.len()).expect("labels are short")], label.as_bytes()].concat();
    let mut wire: Vec<u8> = name.split('.').flat_map(label).collect();
    wire.push(0);
    wire
}
