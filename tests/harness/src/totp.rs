//! Second factors. A step is good once, and a server lets a client's clock be off by one step, so three codes can be
//! had without waiting: of the step before, of this one, and of the next.

use crate::{limits::TOTP_STEP, wait::eventually};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use totp_rs::{Builder, Secret};

/// An authenticator app with one account in it.
pub struct Totp {
    totp: totp_rs::Totp,
    used: u64,
}

impl Totp {
    /// From the secret as it is shown, base32.
    ///
    /// # Panics
    /// When it is not base32 of at least 16 bytes.
    pub fn new(secret: &str) -> Self {
        let secret = Secret::try_from_base32(secret).expect("the TOTP secret is base32");
        let totp = Builder::new()
            .with_secret(secret)
            .with_account_name("test")
            .build()
            .expect("the TOTP secret is long enough for RFC 6238");
        Self { totp, used: 0 }
    }

    /// A code that was not given before. Waits for the next step when none is to be had.
    pub fn code(&mut self) -> String {
        let step = eventually("a TOTP step that was not used yet", Duration::from_secs(3 * TOTP_STEP), || {
            let now = now_secs();
            // Near its end a step is no longer "the one before" when the code arrives.
            let oldest = if now % TOTP_STEP > TOTP_STEP - 5 { now / TOTP_STEP } else { now / TOTP_STEP - 1 };
            let step = oldest.max(self.used + 1);
            (step <= now / TOTP_STEP + 1).then_some(step)
        });
        self.used = step;
        self.totp.generate(step * TOTP_STEP).to_string()
    }

    /// The code that was given last, which must not be good a second time.
    pub fn spent_code(&self) -> String {
        self.totp.generate(self.used * TOTP_STEP).to_string()
    }

    /// A code of six digits that is wrong now and in every step around now.
    pub fn wrong_code(&self) -> String {
        let now = now_secs() / TOTP_STEP;
        let near: Vec<String> =
            (now - 4..now + 5).map(|step| self.totp.generate(step * TOTP_STEP).to_string()).collect();
        (0..1_000_000)
            .map(|n| format!("{n:06}"))
            .find(|code| !near.contains(code))
            .expect("nine codes are not a million")
    }
}

fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}
