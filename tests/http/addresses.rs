//! Which addresses may be reached: a name is resolved once, each address is checked, and the connection goes to one that
//! was. The list of origins allows everything here, so that the check of addresses alone stands between guest and server.

use crate::house::House;
use alyx_tests::{Answer, Reply, Web};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const LAST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// Two servers on one port: 127.0.0.1, whose network the tests keep closed, and 127.0.0.9, which they open.
fn webs() -> [Web; 2] {
    Web::pair([Ipv4Addr::LOCALHOST.into(), LAST.into()], |_| Reply::text("ok"))
}

/// What an error says when it is the address that was refused, and not the origin.
fn refused_by_address(house: &mut House, url: &str) {
    let said = house.get_failed(url, "42501");
    assert!(said.contains("http_allowed_networks"), "{url}: {said}");
}

#[test]
fn loopback_is_closed_however_it_is_written() {
    let mut house = House::new("loopback");
    house.open("");
    let web = Web::new(|_| Reply::text("ok"));
    house.allow_web(&web);
    let spellings = [
        "127.0.0.1",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "0x7f.1",
        "0x7f000001",
        "0X7F.0.0.1",
        "127.1",
        "127.0.1",
        "127.0.0.1.",
        "0127.0.0.1",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "127。0。0。1",
        "0x7f.0x0.0x0.0x1",
    ];
    for host in spellings {
        let url = web.origin_as(host);
        let reply = house.get(&url);
        let code = reply["error"]["code"].as_str().unwrap_or_default();
        // 0127 is octal: another address, and not listed.
        assert!(["42501", "22023"].contains(&code), "{url}: {reply}");
    }
    refused_by_address(&mut house, &web.url("/"));
    refused_by_address(&mut house, &web.origin_as("2130706433"));
    assert_eq!(web.connections(), 0);
    // The same spellings do reach it once the network is open: it was the address that was refused.
    house.open("127.0.0.1");
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1"] {
        house.text(&json!({"url": web.origin_as(host)}));
    }
}

/// Addresses that are nobody's on the open internet, or that carry one of those inside.
const CLOSED: [&str; 46] = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "100::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "::ffff:0:127.0.0.1",
];

#[test]
fn every_special_range_is_closed_though_it_is_listed() {
    let mut house = House::new("ranges");
    house.open("");
    let hosts =
        CLOSED.map(
            |address| {
                if address.contains(':') { format!("http://[{address}]:9") } else { format!("http://{address}:9") }
            },
        );
    house.allow(&hosts);
    for host in &hosts {
        refused_by_address(&mut house, host);
    }
}

#[test]
fn every_special_range_is_closed_to_names_too() {
    let mut house = House::named("ranges_named", |question| {
        let at = question.name.strip_prefix('n').and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        at.and_then(|at| CLOSED.get(at))
            .map_or(Answer::Unknown, |text| Answer::address(text.parse::<IpAddr>().expect(text)))
    });
    house.open("");
    house.allow(&["http://*.example:9".into()]);
    for (at, address) in CLOSED.iter().enumerate() {
        let said = house.get_failed(&format!("http://n{at}.example:9/"), "42501");
        assert!(said.contains("http_allowed_networks"), "{address}: {said}");
    }
}

#[test]
fn a_zone_makes_no_other_address_of_it() {
    let mut house = House::new("zones");
    house.open("");
    house.allow(&["http://[fe80::1]:9".into(), "http://[::1]:9".into()]);
    for url in ["http://[fe80::1%25eth0]:9/", "http://[fe80::1%eth0]:9/", "http://[::1%25lo]:9/"] {
        let reply = house.get(url);
        assert!(["22023", "42501"].contains(&reply["error"]["code"].as_str().unwrap_or_default()), "{url}: {reply}");
    }
}

#[test]
fn an_open_network_opens_nothing_else() {
    let mut house = House::new("opened");
    let [closed, open] = webs();
    house.allow(&[closed.origin(), open.origin(), closed.origin_as("[::1]"), closed.origin_as("[::ffff:7f00:9]")]);
    for networks in ["127.0.0.9", "127.0.0.9/32", " 127.0.0.8/31 , 10.0.0.0/8", "fd00::/8,127.0.0.9"] {
        house.open(networks);
        house.text(&json!({"url": open.url("/")}));
        house.get_failed(&closed.url("/"), "42501");
        house.get_failed(&closed.origin_as("[::1]"), "42501");
    }
    assert_eq!(closed.connections(), 0);
    for nonsense in ["localhost", "127.0.0.1/33", "all", "*", "127.0.0.1:80", "127.1/8", "127.0.0.1-127.0.0.9"] {
        // Whether the setting is refused or found out later: it opens nothing.
        let _ = house.attempt(&format!("SET alyx_functions.http_allowed_networks = '127.0.0.9, {nonsense}'"));
        let reply = house.get(&closed.url("/"));
        assert!(reply["error"]["code"].is_string(), "{nonsense}: {reply}");
    }
    assert_eq!(closed.connections(), 0);
}

#[test]
fn version_six_is_reached_when_it_is_open() {
    let mut house = House::named("six", |_| Answer::address(Ipv6Addr::LOCALHOST));
    let web = Web::at(Ipv6Addr::LOCALHOST, 0, |_| Reply::text("ok")).expect("this machine has ::1");
    house.allow(&[web.origin_as("[::1]"), web.origin_as("six.example")]);
    for origin in [web.origin_as("[::1]"), web.origin_as("[0:0::1]"), web.origin_as("six.example")] {
        house.text(&json!({"url": origin}));
    }
    house.open("127.0.0.0/8");
    for origin in [web.origin_as("[::1]"), web.origin_as("[0:0::1]"), web.origin_as("six.example")] {
        refused_by_address(&mut house, &origin);
    }
}

#[test]
fn a_name_that_changes_its_mind_is_asked_once_per_connection() {
    // The first answer is open, every later one is closed: whoever asks twice connects to what was not checked.
    let mut house = House::named("rebinding", |question| {
        Answer::address(if question.before == 0 { LAST } else { Ipv4Addr::LOCALHOST })
    });
    house.open("127.0.0.9");
    let [closed, open] = Web::pair([Ipv4Addr::LOCALHOST.into(), LAST.into()], |_| {
        Reply::with("200 OK\r\nconnection: close", "ok").then_close()
    });
    let url = open.origin_as("rebinding.example");
    house.allow(std::slice::from_ref(&url));
    house.text(&json!({"url": url}));
    assert_eq!(house.names.asked_for("rebinding.example"), 1, "one connection, one answer: the checked one");
    refused_by_address(&mut house, &url);
    assert_eq!((open.connections(), closed.connections()), (1, 0));
}

#[test]
fn a_name_that_changes_its_mind_between_hops_is_checked_again() {
    let mut house = House::named("rebinding_hops", |question| {
        Answer::address(if question.before == 0 { LAST } else { Ipv4Addr::LOCALHOST })
    });
    house.open("127.0.0.9");
    let [closed, open] =
        Web::pair([Ipv4Addr::LOCALHOST.into(), LAST.into()], |request| match request.target.as_str() {
            "/" => Reply::with("302 Found\r\nlocation: /again\r\nconnection: close", "").then_close(),
            _ => Reply::text("inside"),
        });
    let url = open.origin_as("rebinding.example");
    house.allow(std::slice::from_ref(&url));
    refused_by_address(&mut house, &url);
    assert_eq!((open.requests().len(), closed.connections()), (1, 0));
}

#[test]
fn a_name_with_good_and_bad_addresses_never_leads_to_a_bad_one() {
    let orders = [vec![LAST, Ipv4Addr::LOCALHOST], vec![Ipv4Addr::LOCALHOST, LAST]];
    let mut house = House::named("mixed", move |question| {
        let order = &orders[usize::from(question.name.starts_with("bad"))];
        Answer::Addresses(order.iter().map(|address| (*address).into()).collect())
    });
    house.open("127.0.0.9");
    // Nobody listens at the good address, so that whoever tries the next one arrives at the bad one.
    let bad_only = Web::new(|_| Reply::text("inside"));
    let [bad, good] = webs();
    let origins =
        ["good-first.example", "bad-first.example"].map(|name| [bad_only.origin_as(name), good.origin_as(name)]);
    house.allow(&origins.concat());
    for origin in origins.concat() {
        let reply = house.get(&origin);
        assert!(
            reply["status"] == 200 || ["42501", "08001"].contains(&reply["error"]["code"].as_str().unwrap_or_default()),
            "{reply}"
        );
    }
    assert_eq!((bad_only.connections(), bad.connections()), (0, 0));
}

#[test]
fn both_kinds_of_address_are_checked() {
    let mut house = House::named("kinds", |_| Answer::Addresses(vec![LAST.into(), Ipv6Addr::LOCALHOST.into()]));
    house.open("127.0.0.9");
    let six = Web::at(Ipv6Addr::LOCALHOST, 0, |_| Reply::text("inside")).expect("this machine has ::1");
    let url = six.origin_as("kinds.example");
    house.allow(std::slice::from_ref(&url));
    let reply = house.get(&url);
    assert!(["42501", "08001"].contains(&reply["error"]["code"].as_str().unwrap_or_default()), "{reply}");
    assert_eq!(six.connections(), 0);
}

#[test]
fn an_alias_is_as_good_as_its_addresses() {
    let mut house = House::named("alias", |question| match question.name.as_str() {
        "inside.example" => Answer::Alias("localhost", vec![Ipv4Addr::LOCALHOST.into()]),
        "outside.example" => Answer::Alias("elsewhere.example", vec![LAST.into()]),
        _ => Answer::Unknown,
    });
    house.open("127.0.0.9");
    let [closed, open] = webs();
    house.allow(&[open.origin_as("inside.example"), open.origin_as("outside.example"), open.origin_as("localhost")]);
    refused_by_address(&mut house, &open.origin_as("inside.example"));
    house.text(&json!({"url": open.origin_as("outside.example")}));
    let reply = house.get(&open.origin_as("localhost"));
    assert!(["42501", "08001"].contains(&reply["error"]["code"].as_str().unwrap_or_default()), "{reply}");
    assert_eq!(closed.connections(), 0);
}

#[test]
fn names_without_an_address_are_an_error_of_the_connection() {
    let mut house = House::named("nameless", |question| match question.name.as_str() {
        "empty.example" => Answer::Addresses(Vec::new()),
        _ => Answer::Unknown,
    });
    house.allow(&["http://empty.example".into(), "http://unknown.example".into()]);
    for name in ["empty", "unknown"] {
        let said = house.get_failed(&format!("http://{name}.example/"), "08001");
        assert!(said.contains(name), "{said}");
    }
}

#[test]
fn the_guards_settings_are_a_superusers() {
    let mut house = House::new("guards");
    let web = Web::new(|_| Reply::text("ok"));
    let nobody = house.deployer("nobody");
    house.open("");
    house.allow_web(&web);
    house.run(&format!("GRANT EXECUTE ON FUNCTION ask_web(jsonb) TO {nobody}"));
    // What is set before the library is there is not checked by it then, but does not count afterwards.
    let mut early = house.session_as(&nobody);
    early.run("SET alyx_functions.http_allowed_networks = '127.0.0.0/8'");
    early.refused(&format!("ALTER ROLE {nobody} SET alyx_functions.http_allowed_networks = '127.0.0.0/8'"), "42501");
    let mut session = house.session_as(&nobody);
    for session in [&mut early, &mut session] {
        let reply = crate::house::fetch(session, &json!({"url": web.url("/")}));
        assert_eq!(reply["error"]["code"], "42501", "{reply}");
    }
    for setting in [
        "http_allowed_networks = '0.0.0.0/0'",
        "http_resolver = '127.0.0.1:53'",
        "http_ca_file = '/tmp/x'",
        "max_http_response = '1GB'",
        "max_http_request = '1GB'",
        "max_http_headers = '1GB'",
        "max_http_redirects = 50",
        "max_http_time = '1h'",
    ] {
        session.refused(&format!("SET alyx_functions.{setting}"), "42501");
        let database = house.name().to_owned();
        session.refused(&format!("ALTER DATABASE {database} SET alyx_functions.{setting}"), "42501");
    }
    assert_eq!(web.connections(), 0);
}
