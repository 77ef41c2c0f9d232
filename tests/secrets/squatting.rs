//! A grant belongs to one function: not to whoever takes its name before it is deployed or after it was dropped.

use crate::house::{deploy_script, grant, house, read, refused, set_secret};

#[test]
fn a_grant_waits_for_a_function_of_the_secrets_owner() {
    let mut db = house("squatting_waits");
    let owner = db.deployer("owner");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    grant(&mut session, "KEY", "later");
    assert_eq!(session.value("SELECT granted_to FROM alyx.secrets"), "{later}");
    deploy_script(&mut session, "later", "secrets: [KEY]");
    assert_eq!(read(&mut session, "later", "KEY").as_deref(), Some("open sesame"));
}

#[test]
fn a_squatter_does_not_get_a_waiting_grant() {
    let mut db = house("squatting");
    let owner = db.deployer("owner");
    let squatter = db.deployer("squatter");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    grant(&mut session, "KEY", "later");
    let mut intruder = db.session_as(&squatter);
    deploy_script(&mut intruder, "later", "secrets: [KEY]");
    assert_eq!(refused(&mut intruder, "later", "KEY"), "42501");
    assert_eq!(refused(&mut db, "later", "KEY"), "42501", "nor when a superuser calls");
    // A second version does not either.
    deploy_script(&mut intruder, "later", "timeout: 3s\nsecrets: [KEY]");
    assert_eq!(refused(&mut intruder, "later", "KEY"), "42501");
    intruder.run("SELECT fn_rollback('later')");
    assert_eq!(refused(&mut intruder, "later", "KEY"), "42501");
    // Once the name is free, the owner of the secret has what was meant for it.
    intruder.run("SELECT fn_drop('later')");
    deploy_script(&mut session, "later", "secrets: [KEY]");
    assert_eq!(read(&mut session, "later", "KEY").as_deref(), Some("open sesame"));
}

#[test]
fn a_squatter_whom_a_superuser_helps_gets_nothing() {
    let mut db = house("squatting_helped");
    let owner = db.deployer("owner");
    let squatter = db.deployer("squatter");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    grant(&mut session, "KEY", "later");
    let mut intruder = db.session_as(&squatter);
    deploy_script(&mut intruder, "later", "");
    // The second version is a superuser's work and the function still the squatter's.
    deploy_script(&mut db, "later", "secrets: [KEY]");
    assert_eq!(refused(&mut intruder, "later", "KEY"), "42501");
}

#[test]
fn an_owner_may_grant_to_a_function_of_somebody_else() {
    let mut db = house("squatting_explicit");
    let owner = db.deployer("owner");
    let friend = db.deployer("friend");
    let mut session = db.session_as(&owner);
    let mut other = db.session_as(&friend);
    set_secret(&mut session, "KEY", "open sesame");
    deploy_script(&mut other, "theirs", "secrets: [KEY]");
    assert_eq!(refused(&mut other, "theirs", "KEY"), "42501");
    grant(&mut session, "KEY", "theirs");
    assert_eq!(read(&mut other, "theirs", "KEY").as_deref(), Some("open sesame"));
    // Made anew it is another function, which nobody granted anything.
    other.run("SELECT fn_drop('theirs')");
    deploy_script(&mut other, "theirs", "secrets: [KEY]");
    assert_eq!(refused(&mut other, "theirs", "KEY"), "42501");
}

#[test]
fn a_function_made_anew_has_no_grants() {
    let mut db = house("squatting_anew");
    let owner = db.deployer("owner");
    let stranger = db.deployer("stranger");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    deploy_script(&mut session, "vault", "secrets: [KEY]");
    grant(&mut session, "KEY", "vault");
    assert_eq!(read(&mut session, "vault", "KEY").as_deref(), Some("open sesame"));
    session.run("SELECT fn_drop('vault')");
    assert_eq!(session.value("SELECT granted_to FROM alyx.secrets"), "{}");
    deploy_script(&mut session, "vault", "secrets: [KEY]");
    assert_eq!(refused(&mut session, "vault", "KEY"), "42501");
    session.run("SELECT fn_drop('vault')");
    let mut intruder = db.session_as(&stranger);
    deploy_script(&mut intruder, "vault", "secrets: [KEY]");
    assert_eq!(refused(&mut intruder, "vault", "KEY"), "42501");
}

#[test]
fn a_secret_made_anew_has_no_grants() {
    let mut db = house("squatting_secret");
    let owner = db.deployer("owner");
    let stranger = db.deployer("stranger");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    deploy_script(&mut session, "vault", "secrets: [KEY]");
    grant(&mut session, "KEY", "vault");
    grant(&mut session, "KEY", "later");
    session.run("SELECT fn_set_secret('KEY', NULL)");
    assert_eq!(refused(&mut session, "vault", "KEY"), "42501");
    let mut other = db.session_as(&stranger);
    set_secret(&mut other, "KEY", "of the stranger");
    assert_eq!(other.value("SELECT granted_to FROM alyx.secrets"), "{}");
    assert_eq!(refused(&mut session, "vault", "KEY"), "42501", "a grant of before reads what is new");
    deploy_script(&mut session, "later", "secrets: [KEY]");
    assert_eq!(refused(&mut session, "later", "KEY"), "42501");
}
