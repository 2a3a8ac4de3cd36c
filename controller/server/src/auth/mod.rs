//! The two factors: passwords, TOTP, recovery codes, and the tokens that a session is carried by.
//!
//! Nothing here decides what somebody may do; that is `app`. Nothing here consumes a one-time thing; that is `state`.

pub mod access_token;
pub mod enrolment;
pub mod keyring;
pub mod password;
pub mod source;
pub mod totp;
