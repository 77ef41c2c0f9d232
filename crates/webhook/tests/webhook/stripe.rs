//! Stripe: known answers by Python's `hmac`.

use super::{Sent, malformed, missing, repeated, verified};
use alyx_webhook::{Refused, Scheme};

const SECRET: &str = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH";
const BODY: &[u8] =
    br#"{"id":"evt_1PqZ7vLkdIwHu7ixV2x4Jm6E","object":"event","type":"invoice.paid","data":{"object":{"id":"in_1"}}}"#;
const ID: &str = "evt_1PqZ7vLkdIwHu7ixV2x4Jm6E";
const TIME_S: i64 = 1717000000;
const SIGNATURE: &str = "1ae125355267fd16088716e45335f594e7d7ad66528e2e03d8f120bca593db09";
const OLDER: &str = "whsec_older_secret";
const BY_OLDER: &str = "9a457b472284f98ae64bdda9fbbb5488cc02ef8b8b3bd65f44c3318d2eaef9d1";

pub(crate) fn sent() -> Sent {
    let header = format!("t={TIME_S},v1={SIGNATURE}");
    Sent::new(Scheme::Stripe, SECRET, &[("stripe-signature", &header)], BODY, TIME_S)
}

fn signed(header: &str) -> Sent {
    sent().with("stripe-signature", header)
}

#[test]
fn a_known_answer() {
    assert_eq!(sent().verify(), verified(ID, Some(TIME_S)));
    assert!(signed(&format!("t={TIME_S},v1={}", SIGNATURE.to_uppercase())).verify().is_ok());
    assert!(signed(&format!("v1={SIGNATURE},t={TIME_S}")).verify().is_ok());
}

#[test]
fn a_secret_is_text() {
    assert_eq!(sent().secrets(&["5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"]).refusal(), Refused::Mismatch);
    assert_eq!(sent().secrets(&[&format!("{SECRET}\n")]).refusal(), Refused::Mismatch);
    assert_eq!(sent().secrets(&[""]).refusal(), Refused::BadSecret(0));
    assert_eq!(sent().secrets(&[SECRET, ""]).refusal(), Refused::BadSecret(1));
}

#[test]
fn any_signature_of_any_secret() {
    let both = format!("t={TIME_S},v1={BY_OLDER},v1={SIGNATURE},v0=00");
    for secrets in [&[SECRET][..], &[OLDER], &[OLDER, SECRET], &["x", OLDER], &[SECRET, "x"]] {
        assert!(signed(&both).secrets(secrets).verify().is_ok(), "{secrets:?}");
    }
    assert!(sent().secrets(&[OLDER, SECRET]).verify().is_ok());
    assert!(signed(&format!("t={TIME_S},v1={BY_OLDER}")).secrets(&[OLDER, SECRET]).verify().is_ok());
    assert_eq!(sent().secrets(&[OLDER, "x"]).refusal(), Refused::Mismatch);
}

#[test]
fn what_is_not_known_is_passed_over() {
    for header in ["v0=1,{}", "{},v2=x", "x=,{}", "=,{}", "v1=,{}", "v1=zz,{}", "v1=0,{}", "{}, t=1", "{},a=b=c"] {
        let header = header.replace("{}", &format!("t={TIME_S},v1={SIGNATURE}"));
        assert!(signed(&header).verify().is_ok(), "{header}");
    }
}

#[test]
fn headers_that_are_none() {
    assert_eq!(sent().without("stripe-signature").refusal(), missing("stripe-signature"));
    assert_eq!(sent().and("Stripe-Signature", "t=1").refusal(), repeated("stripe-signature"));
    let good = format!("t={TIME_S},v1={SIGNATURE}");
    for header in [
        "",
        ",",
        "=",
        "t",
        "t=",
        "v1=00",
        &good[2..],
        &format!("v1={SIGNATURE}"),
        &format!("{good},"),
        &format!(",{good}"),
        &format!("{good},x"),
        &format!("{good},t={TIME_S}"),
        &format!("t=1,{good}"),
        &format!("t= {TIME_S},v1={SIGNATURE}"),
        &format!(" {good}"),
        &format!("T={TIME_S},v1={SIGNATURE}"),
    ] {
        assert_eq!(signed(header).refusal(), malformed("stripe-signature"), "{header}");
    }
    for signature in [
        "",
        "v0=1",
        "v1=",
        &format!("v0={SIGNATURE}"),
        &format!("V1={SIGNATURE}"),
        &format!("v1= {SIGNATURE}"),
        &format!("v1={}", &SIGNATURE[..62]),
        &format!("v1={}", &SIGNATURE[..63]),
        &format!("v1={SIGNATURE}00"),
        &format!("v1=0x{}", &SIGNATURE[2..]),
        &format!("v1=+{}", &SIGNATURE[1..]),
    ] {
        let header = format!("t={TIME_S},{signature}").trim_end_matches(',').to_owned();
        assert_eq!(signed(&header).refusal(), Refused::Mismatch, "{header}");
    }
}

#[test]
fn the_id_is_the_events() {
    let without_id: [(&[u8], &str); 8] = [
        (br#"{"object":"event"}"#, "21fa8c4ca9055f377ae100dc12c44e791f02ffd9dc38ee494061e0b7a0afda09"),
        (br#"{"id":7}"#, "9efdf35c0408374ef2368fcc87f6630e110cb1736a95221b428761269b404bc3"),
        (br#"{"id":""}"#, "93b8184418ab0d842f58d0fdb4f22bc63aa1a6e1d68f6d601506b246d4ec7983"),
        (br#"["id"]"#, "3ed9566bb2c0841b5e72460592e6e64acab780cc14433739c9fd87a09884aa54"),
        (b"\xff", "ebf1ac94178653373a77055cfb018c2e0441fc375365606ce324f2e0406875c6"),
        (br#"{"data":{"id":"evt_1"}}"#, "bf1d5b017407b0d0cdce7369b450bf1518878b11cb517807598163f7379ac571"),
        (br#"{"id":"evt 1"}"#, "713844bad706e0f146efb4d2715ff6f65a92170936423056b5ac5b782e157b69"),
        (b"", "e83491676613c1213612b1f7019cc5cbe2f025baa49035fde29b9d8833033527"),
    ];
    for (body, signature) in without_id {
        let sent = signed(&format!("t={TIME_S},v1={signature}")).body(body);
        assert_eq!(sent.refusal(), Refused::NoId, "{}", body.escape_ascii());
        // Who cannot sign learns nothing of what the body lacks.
        assert_eq!(sent.secrets(&[OLDER]).refusal(), Refused::Mismatch);
    }
    // A body is what its reader takes it for: the last of two.
    let twice = signed(&format!("t={TIME_S},v1=8e298b6e30833ef26aab9ced572cd28abba2057983ee01e0ca569aa644deaf73"));
    assert_eq!(twice.body(br#"{"id":"a","id":"b"}"#).verify(), verified("b", Some(TIME_S)));
    let large = signed(&format!("t={TIME_S},v1=8e7d07984b1fa8b3c7e87b550bfeabfe3e1c3cf9661ec6a4762baea4444b1833"));
    assert_eq!(large.body(br#"{"id":"evt_1","amount":1e999}"#).verify(), verified("evt_1", Some(TIME_S)));
}
