//! Bounds at which something changes: times, lengths, numbers of signatures.

use super::{Sent, generic, github, malformed, repeated, standard, stripe};
use alyx_webhook::{Refused, TOLERANCE_S};

/// A delivery of each scheme that signs a time.
fn timed() -> [Sent; 3] {
    [standard::sent(), stripe::sent(), generic::sent()]
}

#[test]
fn the_tolerance_is_inclusive_both_ways() {
    for sent in timed() {
        let (time_s, tolerance_s) = (sent.now_s, i64::from(TOLERANCE_S));
        for now_s in [time_s - tolerance_s, time_s - 1, time_s, time_s + 1, time_s + tolerance_s] {
            assert!(sent.clone().at(now_s).verify().is_ok(), "{now_s} for {time_s}");
        }
        for late in [1, 2, 1_000_000, i64::MAX - time_s - tolerance_s] {
            assert_eq!(sent.clone().at(time_s + tolerance_s + late).refusal(), Refused::Stale, "{late}");
        }
        for early in [1, 2, 1_000_000, time_s, i64::MAX] {
            assert_eq!(sent.clone().at(time_s - tolerance_s - early).refusal(), Refused::Future, "{early}");
        }
        assert_eq!(sent.clone().at(i64::MIN).refusal(), Refused::Future);
        let exact = Sent { tolerance_s: 0, ..sent };
        assert!(exact.verify().is_ok());
        assert_eq!(exact.clone().at(exact.now_s + 1).refusal(), Refused::Stale);
    }
}

#[test]
fn times_at_the_ends_of_their_type() {
    let at_end = standard::sent().with("webhook-timestamp", "9223372036854775807").at(i64::MAX);
    let at_end = at_end.with("webhook-signature", "v1,xep5x/aYeq6VHiw7Vp3tpQvdvN2hBXSbzvpt60Twg9o=");
    assert!(at_end.verify().is_ok());
    assert!(at_end.clone().at(i64::MAX - 300).verify().is_ok());
    for now_s in [i64::MAX - 301, 0, -1, -2, i64::MIN] {
        let widest = Sent { tolerance_s: u32::MAX, now_s: now_s.saturating_sub(1 << 33), ..at_end.clone() };
        assert_eq!(at_end.clone().at(now_s).refusal(), Refused::Future, "{now_s}");
        assert_eq!(widest.refusal(), Refused::Future, "{now_s}");
    }
    let zero = standard::sent().with("webhook-timestamp", "0").at(0);
    let zero = zero.with("webhook-signature", "v1,2AM1eFEYT9nVET1AGXuXB6sGuLY1DJ1Kh4ue+C+72yI=");
    for now_s in [-300, 0, 300] {
        assert!(zero.clone().at(now_s).verify().is_ok());
    }
    assert_eq!(zero.clone().at(i64::MAX).refusal(), Refused::Stale);
    assert_eq!(zero.clone().at(i64::MIN).refusal(), Refused::Future);
}

#[test]
fn a_time_has_one_way_to_be_written() {
    let long = "1".repeat(4096);
    for time in [
        "",
        "00",
        "01",
        "01649367553",
        "+1649367553",
        "-1",
        "-0",
        " 1649367553",
        "1649367553 ",
        "1649367553.0",
        "1e9",
        "0x1",
        "1649367553s",
        "\u{661}",
        "\u{ff11}",
        "9223372036854775808",
        "18446744073709551616",
        "99999999999999999999",
        &long,
    ] {
        let refusal = standard::sent().with("webhook-timestamp", time).refusal();
        assert_eq!(refusal, malformed("webhook-timestamp"), "{time}");
        assert_eq!(generic::sent().with("x-time", time).refusal(), malformed("x-time"), "{time}");
        let header = stripe::sent().value("stripe-signature").replace("1717000000", time);
        assert_eq!(stripe::sent().with("stripe-signature", &header).refusal(), malformed("stripe-signature"), "{time}");
    }
}

#[test]
fn a_header_is_short() {
    for sent in [standard::sent(), stripe::sent(), github::sent(), generic::sent()] {
        for (name, value) in sent.headers.clone() {
            for length in [4097, 1 << 20] {
                let long = sent.clone().with(&name, &format!("{value}{}", " ".repeat(length - value.len())));
                assert_eq!(long.refusal(), malformed(&name), "{length}");
            }
            let twice = sent.clone().and(&name, &value);
            assert_eq!(twice.refusal(), repeated(&name));
        }
    }
    let longest = |length| format!("{:length$}", standard::sent().value("webhook-signature"));
    assert!(standard::sent().with("webhook-signature", &longest(4096)).verify().is_ok());
    let pad = |length: usize| stripe::sent().value("stripe-signature") + ",x=" + &"x".repeat(length - 83);
    let good = stripe::sent().value("stripe-signature").len();
    assert_eq!(good, 80);
    assert!(stripe::sent().with("stripe-signature", &pad(4096)).verify().is_ok());
    assert_eq!(stripe::sent().with("stripe-signature", &pad(4097)).refusal(), malformed("stripe-signature"));
}

#[test]
fn signatures_are_few() {
    let wrong = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ";
    let header = |wrongs: usize| wrong.repeat(wrongs) + &standard::sent().value("webhook-signature");
    assert!(standard::sent().with("webhook-signature", &header(15)).verify().is_ok());
    assert_eq!(standard::sent().with("webhook-signature", &header(16)).refusal(), malformed("webhook-signature"));
    let unknown = format!("{}{}", "v9,AAAA ".repeat(400), standard::sent().value("webhook-signature"));
    assert!(standard::sent().with("webhook-signature", &unknown).verify().is_ok());

    let header = |wrongs: usize| stripe::sent().value("stripe-signature") + &",v1=00".repeat(wrongs);
    assert!(stripe::sent().with("stripe-signature", &header(15)).verify().is_ok());
    assert_eq!(stripe::sent().with("stripe-signature", &header(16)).refusal(), malformed("stripe-signature"));
}

#[test]
fn there_must_be_a_secret() {
    for sent in [standard::sent(), stripe::sent(), github::sent(), generic::sent()] {
        assert_eq!(sent.secrets(&[]).refusal(), Refused::NoSecret);
    }
}
