use super::*;
use crate::{limits::HOST_LIFETIME, peer_of, user_of, verify_host, verify_user};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_800_000_000_123);

fn cluster() -> ClusterId {
    ClusterId::new("c-0123456789abcdef").expect("id")
}

fn host() -> HostId {
    HostId::new("h-0123456789abcdef").expect("id")
}

fn ca() -> Ca {
    Ca::generate(&cluster(), NOW).expect("CA")
}

#[test]
fn a_host_gets_a_certificate_that_names_it_and_nothing_else() {
    let ca = ca();
    let key = KeyPair::generate().expect("key");
    let issued = ca.issue_host(&key.csr_der().expect("request"), &host(), NOW, HOST_LIFETIME).expect("issued");
    let peer = verify_host(ca.cert_der(), &issued.der, NOW).expect("valid");
    assert_eq!((&peer.cluster_id, &peer.host_id), (&cluster(), &host()));
    assert_eq!((peer.not_before, peer.not_after), (issued.not_before, issued.not_after));
    assert_eq!(peer.serial, issued.serial);
    assert_eq!(issued.serial.len(), 32);
    assert_eq!(issued.not_before, Timestamp::from_secs(NOW.as_secs() - 300));
    assert_eq!(issued.not_after, Timestamp::from_secs(NOW.as_secs() + 24 * 3600));
    assert_eq!(peer_of(&issued.der).as_ref(), Ok(&peer));
    assert!(key.matches(&issued.der));
    assert!(!KeyPair::generate().expect("key").matches(&issued.der));
}

#[test]
fn expired_and_not_yet_valid_certificates_are_told_apart() {
    let ca = ca();
    let csr = KeyPair::generate().expect("key").csr_der().expect("request");
    let issued = ca.issue_host(&csr, &host(), NOW, HOST_LIFETIME).expect("issued");
    let late = issued.not_after.plus_secs(1);
    assert_eq!(verify_host(ca.cert_der(), &issued.der, late), Err(CertError::Expired(issued.not_after)));
    assert_eq!(verify_host(ca.cert_der(), &issued.der, Timestamp(0)), Err(CertError::NotYet(issued.not_before)));
    assert!(verify_host(ca.cert_der(), &issued.der, issued.not_after).is_ok());
}

#[test]
fn another_ca_is_refused_even_with_the_same_name() {
    let (ours, other) = (ca(), ca());
    let csr = KeyPair::generate().expect("key").csr_der().expect("request");
    let issued = other.issue_host(&csr, &host(), NOW, HOST_LIFETIME).expect("issued");
    assert_eq!(verify_host(ours.cert_der(), &issued.der, NOW), Err(CertError::ForeignCa));
    let server = ours.issue_server(&["localhost".into()], 1, NOW, HOST_LIFETIME).expect("issued");
    assert_eq!(verify_host(&server.chain[0], &issued.der, NOW), Err(CertError::NotACa));
}

#[test]
fn a_controllers_certificate_is_not_a_hosts() {
    let ca = ca();
    let server = ca.issue_server(&["localhost".into(), "::1".into()], 1, NOW, HOST_LIFETIME).expect("issued");
    assert_eq!(server.chain[1], ca.cert_der());
    assert_eq!(verify_host(ca.cert_der(), &server.chain[0], NOW), Err(CertError::NotAHost));
    assert_eq!(peer_of(ca.cert_der()), Err(CertError::NotAHost));
}

#[test]
fn server_names_that_are_none_are_named() {
    let ca = ca();
    let issue = |names: &[&str]| {
        ca.issue_server(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>(), 1, NOW, HOST_LIFETIME).err()
    };
    assert_eq!(issue(&["10.0.0.1", "wharden.example.com"]), None);
    assert_eq!(issue(&[]), Some(ServerNameError::Count(0)));
    assert_eq!(issue(&["a b"]), Some(ServerNameError::Name("a b".into())));
    assert_eq!(issue(&["https://x"]), Some(ServerNameError::Name("https://x".into())));
}

#[test]
fn nothing_outlives_the_ca() {
    let ca = ca();
    let csr = KeyPair::generate().expect("key").csr_der().expect("request");
    let end = NOW.plus_secs(CA_LIFETIME.as_secs());
    let issued = ca.issue_host(&csr, &host(), Timestamp(end.0 - 60_000), HOST_LIFETIME).expect("issued");
    assert_eq!(issued.not_after.as_secs(), end.as_secs());
    assert!(matches!(ca.issue_host(&csr, &host(), end.plus_secs(1), HOST_LIFETIME), Err(CsrError::CaExpired(_))));
}

#[test]
fn a_ca_loads_again_and_only_with_its_own_key() {
    let (one, two) = (ca(), ca());
    let again = Ca::from_parts(one.cert_der(), &one.key_pkcs8()).expect("loads");
    assert_eq!((again.fingerprint(), again.cluster_id()), (one.fingerprint(), &cluster()));
    let csr = KeyPair::generate().expect("key").csr_der().expect("request");
    let issued = again.issue_host(&csr, &host(), NOW, HOST_LIFETIME).expect("issued");
    assert!(verify_host(one.cert_der(), &issued.der, NOW).is_ok());
    assert_eq!(Ca::from_parts(one.cert_der(), &two.key_pkcs8()).err(), Some(CaError::Mismatch));
    assert_eq!(Ca::from_parts(&issued.der, &one.key_pkcs8()).err(), Some(CaError::Certificate(CertError::NotACa)));
    assert!(one.cert_pem().starts_with("-----BEGIN CERTIFICATE-----\nMII"));
}

#[test]
fn requests_that_prove_nothing_are_refused() {
    let ca = ca();
    let csr = KeyPair::generate().expect("key").csr_der().expect("request");
    let issue = |csr: &[u8]| ca.issue_host(csr, &host(), NOW, HOST_LIFETIME).err();
    let mut forged = csr.clone();
    *forged.last_mut().expect("bytes") ^= 1;
    assert!(matches!(issue(&forged), Some(CsrError::Signature | CsrError::Malformed)));
    let mut longer = csr;
    longer.push(0);
    assert_eq!(issue(&longer), Some(CsrError::Malformed));
    assert_eq!(issue(&vec![0x30; CSR_MAX + 1]), Some(CsrError::TooLarge));
    let strong = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("key");
    let other_kind = CertificateParams::default().serialize_request(&strong).expect("request");
    assert_eq!(issue(other_kind.der()), Some(CsrError::KeyKind));
}

#[test]
fn names_in_a_request_are_ignored() {
    let ca = ca();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("key");
    let mut wish = CertificateParams::new(vec!["controller.example.com".to_owned()]).expect("names");
    wish.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    wish.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let csr = wish.serialize_request(&key).expect("request");
    let issued = ca.issue_host(csr.der(), &host(), NOW, HOST_LIFETIME).expect("issued");
    let cert = parse(&issued.der).expect("parses");
    assert!(!cert.is_ca());
    assert_eq!(cert.subject().to_string(), format!("CN={}", host()));
    let usage = cert.extended_key_usage().expect("usage").expect("present");
    assert!(usage.value.client_auth && !usage.value.server_auth);
    assert_eq!(cert.subject_alternative_name().expect("names").expect("present").value.general_names.len(), 1);
}

proptest! {
    #[test]
    fn rubbish_is_no_certificate_and_no_request(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(peer_of(&bytes).is_err());
        prop_assert!(requested_key(&bytes).is_err());
    }
}

#[test]
fn a_certificate_with_any_bit_changed_never_verifies() {
    let ca = ca();
    let csr = KeyPair::generate().expect("key").csr_der().expect("request");
    let issued = ca.issue_host(&csr, &host(), NOW, HOST_LIFETIME).expect("issued");
    for at in 0..issued.der.len() {
        let mut changed = issued.der.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(verify_host(ca.cert_der(), &changed, NOW).is_err(), "byte {at}");
    }
}

fn user() -> UserName {
    UserName::new("alice").expect("name")
}

fn session() -> SessionId {
    SessionId::new(format!("s-{:032x}", 7)).expect("id")
}

#[test]
fn a_user_gets_a_certificate_that_names_user_and_session_for_eight_hours_at_most() {
    let ca = ca();
    let key = KeyPair::generate().expect("key");
    let csr = key.csr_der().expect("request");
    let issued = ca.issue_user(&csr, &user(), &session(), NOW, HOST_LIFETIME).expect("issued");
    let named = verify_user(ca.cert_der(), &issued.der, NOW).expect("valid");
    assert_eq!((&named.cluster_id, &named.user, &named.session), (&cluster(), &user(), &session()));
    assert_eq!(issued.not_before, Timestamp::from_secs(NOW.as_secs() - 300));
    assert_eq!(issued.not_after, Timestamp::from_secs(NOW.as_secs() + 8 * 3600), "whatever was asked for");
    assert_eq!((named.not_after, &named.serial), (issued.not_after, &issued.serial));
    assert!(key.matches(&issued.der));
    let cert = parse(&issued.der).expect("parses");
    assert!(!cert.is_ca());
    assert_eq!(cert.subject().to_string(), "CN=alice");
    let usage = cert.extended_key_usage().expect("usage").expect("present");
    assert!(usage.value.client_auth && !usage.value.server_auth);
    assert_eq!(cert.subject_alternative_name().expect("names").expect("present").value.general_names.len(), 1);
    let late = issued.not_after.plus_secs(1);
    assert_eq!(verify_user(ca.cert_der(), &issued.der, late), Err(CertError::Expired(issued.not_after)));
    let stranger = Ca::generate(&cluster(), NOW).expect("CA");
    assert_eq!(verify_user(stranger.cert_der(), &issued.der, NOW), Err(CertError::ForeignCa));
}

#[test]
fn a_users_certificate_is_not_a_hosts_nor_a_hosts_a_users() {
    let ca = ca();
    let csr = KeyPair::generate().expect("key").csr_der().expect("request");
    let of_user = ca.issue_user(&csr, &user(), &session(), NOW, USER_LIFETIME).expect("issued");
    let of_host = ca.issue_host(&csr, &host(), NOW, HOST_LIFETIME).expect("issued");
    assert_eq!(peer_of(&of_user.der), Err(CertError::NotAHost));
    assert_eq!(verify_host(ca.cert_der(), &of_user.der, NOW), Err(CertError::NotAHost));
    assert_eq!(user_of(&of_host.der), Err(CertError::NotAUser));
    assert_eq!(verify_user(ca.cert_der(), &of_host.der, NOW), Err(CertError::NotAUser));
    let server = ca.issue_server(&["localhost".into()], 1, NOW, HOST_LIFETIME).expect("issued");
    assert_eq!(verify_user(ca.cert_der(), &server.chain[0], NOW), Err(CertError::NotAUser));
}
